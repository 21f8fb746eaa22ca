# Step 4: placement, routing and the bitstream.

source [file join [file dirname [info script]] common.tcl]

open_own_project
reset_run impl_1
launch_runs impl_1 -to_step write_bitstream -jobs [dict get $design jobs]
finish_run impl_1
close_project
