# Step 5: reports for people and for `spynq overlay report`, and the timing check, which fails the build.

source [file join [file dirname [info script]] common.tcl]

open_own_project
open_run impl_1
file mkdir $folder/reports
report_utilization -file $folder/reports/utilization.rpt
report_utilization -hierarchical -file $folder/reports/hierarchy.rpt
report_timing_summary -max_paths 10 -file $folder/reports/timing.rpt
report_power -file $folder/reports/power.rpt
report_methodology -file $folder/reports/methodology.rpt

set slacks {}
foreach kind {setup hold} delay {max min} {
    set path [get_timing_paths -max_paths 1 -nworst 1 -delay_type $delay]
    if {![llength $path]} {
        refuse "no $kind path was timed: the design has no constrained clock"
    }
    dict set slacks $kind [get_property SLACK $path]
}
close_project
dict for {kind slack} $slacks {
    if {$slack < 0} {
        refuse "the design does not meet timing at [dict get $design clock_mhz] MHz: the worst $kind slack is $slack ns (reports/timing.rpt); build it with a slower --clock"
    }
}
