# Step 3: synthesis.

source [file join [file dirname [info script]] common.tcl]

open_own_project
reset_run synth_1
launch_runs synth_1 -jobs [dict get $design jobs]
finish_run synth_1
close_project
