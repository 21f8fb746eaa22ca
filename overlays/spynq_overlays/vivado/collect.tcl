# Step 6: bitstream, hand-off file and hardware platform under one stem, where pynq looks for them.

source [file join [file dirname [info script]] common.tcl]

open_own_project
set name [dict get $design name]
set result $folder/result
file mkdir $result
set runs [get_property DIRECTORY [get_runs impl_1]]
file copy -force $runs/${name}_wrapper.bit $result/$name.bit
set hand_off [get_files -all $name.hwh]
if {![llength $hand_off]} {
    refuse "Vivado wrote no $name.hwh; run the step block_design again"
}
file copy -force [lindex $hand_off 0] $result/$name.hwh
write_hw_platform -fixed -force -include_bit -file $result/$name.xsa
close_project
