# What every step begins with: the design to build, and refusals in one sentence.
#
# vivado -mode batch -source STEP.tcl -tclargs FOLDER
# FOLDER holds design.tcl, which is generated from the overlay description, and the Verilog.

proc refuse {sentence} {
    return -code error "spynq: $sentence"
}

if {[llength $argv] != 1} {
    refuse "a step takes the folder of one project, not [llength $argv] arguments; run it through 'spynq overlay build'"
}
set folder [file normalize [lindex $argv 0]]
if {![file exists $folder/design.tcl]} {
    refuse "$folder holds no design.tcl; run 'spynq overlay build', which writes it"
}
source $folder/design.tcl

# Versions other than these may work; nobody has tried.
set vivado_version [version -short]
if {![regexp {^202[234]\.} $vivado_version]} {
    puts "WARNING: spynq: Vivado $vivado_version; the scripts are meant for 2022.1 to 2024.2"
}

set project_name spynq_[dict get $design name]
set project_file $folder/$project_name/$project_name.xpr
set repository $folder/ip

proc open_own_project {} {
    global project_file
    if {![file exists $project_file]} {
        refuse "$project_file is missing; run the step block_design first"
    }
    open_project $project_file
}

# Waits for a run and refuses unless it has ended well.
proc finish_run {run} {
    wait_on_run $run
    set progress [get_property PROGRESS [get_runs $run]]
    if {$progress ne "100%"} {
        refuse "$run stopped at $progress ([get_property STATUS [get_runs $run]]); its log is runme.log in the folder of the run"
    }
}
