# Vitis HLS: C simulation, synthesis, co-simulation and IP of one twin. Never run by this project.
#
#   python -m spynq_sim.hls KERNEL build/hls/KERNEL
#   vitis_hls -f hls/vitis.tcl KERNEL build/hls/KERNEL [CLOCK_NS] [STEPS]
#
# The folder holds the generated header and the recorded runs. STEPS are some of csim csynth cosim export.

proc refuse {sentence} {
    return -code error "spynq: $sentence"
}

set here [file dirname [file normalize [info script]]]
# vitis_hls hands over its own options too; ours come behind the script.
set given $argv
if {[lsearch $argv -f] >= 0} {
    set given [lrange $argv [expr {[lsearch $argv -f] + 2}] end]
}
if {[llength $given] < 2} {
    refuse "name a kernel and the folder that 'python -m spynq_sim.hls KERNEL FOLDER' wrote"
}
lassign $given kernel folder clock steps
set folder [file normalize $folder]
if {$clock eq ""} {
    set clock 10
}
if {$steps eq ""} {
    set steps {csim csynth cosim export}
}
if {![file exists $here/$kernel.cpp]} {
    refuse "there is no twin $kernel.cpp in $here"
}
if {![file exists $folder/runs.bin]} {
    refuse "$folder holds no runs.bin; write it with 'python -m spynq_sim.hls $kernel $folder'"
}

set flags "-std=c++14 -I$folder -I$here"
cd $folder
open_project -reset hls_$kernel
set_top $kernel
add_files -cflags $flags $here/$kernel.cpp
add_files -tb -cflags $flags [list $here/csim/$kernel.cpp $here/csim/bench.cpp]
add_files -tb $folder/runs.bin
open_solution -reset -flow_target vivado solution
set_part xczu7ev-ffvc1156-2-e
create_clock -period $clock -name aclk
set commands [dict create \
    csim [list csim_design -argv $folder/runs.bin] \
    csynth csynth_design \
    cosim [list cosim_design -argv $folder/runs.bin] \
    export [list export_design -format ip_catalog -vendor spynq.org -library hls -ipname ${kernel}_hls]]
foreach step $steps {
    if {![dict exists $commands $step]} {
        refuse "unknown step $step; steps are [dict keys $commands]"
    }
    {*}[dict get $commands $step]
}
close_project
