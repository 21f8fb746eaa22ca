# Step 1: one packaged IP per kernel build, with its register map, from the exported Verilog.
# An IP put into a design as a bare module carries no registers, and pynq would find no register_map.

source [file join [file dirname [info script]] common.tcl]

proc describe_register {block register} {
    set entry [ipx::add_register [dict get $register name] $block]
    set_property address_offset [dict get $register offset] $entry
    set_property size 32 $entry
    set_property access [dict get $register access] $entry
    set_property description [dict get $register doc] $entry
    foreach field [dict get $register fields] {
        set part [ipx::add_field [dict get $field name] $entry]
        set_property bit_offset [dict get $field lsb] $part
        set_property bit_width [dict get $field width] $part
        set_property access [dict get $register access] $part
        set_property description [dict get $field doc] $part
    }
}

proc describe_registers {core kernel} {
    # Vivado infers the bus from the port attributes, and makes a memory map of the same name.
    set map [ipx::get_memory_maps s_axi_control -of_objects $core]
    set block [ipx::get_address_blocks reg0 -of_objects $map]
    set_property range [dict get $kernel range] $block
    set_property usage register $block
    foreach register [dict get $kernel registers] {
        describe_register $block $register
    }
}

proc package_kernel {kernel} {
    global folder repository design
    lassign [dict get $kernel vlnv] vendor library name version
    set place $repository/[dict get $kernel module]
    create_project -force -part [dict get $design part] package_$name $folder/package_[dict get $kernel module]
    add_files -norecurse $folder/[dict get $kernel verilog]
    set_property top [dict get $kernel module] [current_fileset]
    update_compile_order -fileset sources_1
    ipx::package_project -root_dir $place -vendor $vendor -library $library -taxonomy /spynq -import_files -set_current true
    set core [ipx::current_core]
    set_property name $name $core
    set_property version $version $core
    set_property display_name [dict get $kernel title] $core
    set_property description [dict get $kernel title] $core
    foreach bus [dict get $kernel buses] {
        ipx::associate_bus_interfaces -busif $bus -clock aclk $core
    }
    describe_registers $core $kernel
    ipx::create_xgui_files $core
    ipx::update_checksums $core
    ipx::check_integrity $core
    ipx::save_core $core
    close_project
}

set packaged {}
foreach kernel [dict get $design kernels] {
    set module [dict get $kernel module]
    # Two cells of one build share an IP.
    if {$module ni $packaged} {
        package_kernel $kernel
        lappend packaged $module
    }
}
