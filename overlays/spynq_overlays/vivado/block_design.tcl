# Step 2: the block design: processor, kernels, one DMA per pair of streams, interrupts, addresses.

source [file join [file dirname [info script]] common.tcl]
source [file join [file dirname [info script]] processor_[dict get $design family].tcl]

set resetn reset_0/peripheral_aresetn

# Every clocked thing hangs on the one clock and reset.
proc clock {args} {
    global fabric_clock
    foreach pin $args {
        connect_bd_net [get_bd_pins $fabric_clock] [get_bd_pins $pin]
    }
}

proc reset {args} {
    global resetn
    foreach pin $args {
        connect_bd_net [get_bd_pins $resetn] [get_bd_pins $pin]
    }
}

proc attach {from to} {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}

proc create_ip {vlnv name args} {
    create_bd_cell -type ip -vlnv $vlnv $name
    if {[llength $args]} {
        set_property -dict $args [get_bd_cells $name]
    }
}

proc create_reset {} {
    global fabric_clock fabric_reset
    create_ip xilinx.com:ip:proc_sys_reset reset_0
    clock reset_0/slowest_sync_clk
    connect_bd_net [get_bd_pins $fabric_reset] [get_bd_pins reset_0/ext_reset_in]
}

proc create_kernel {kernel} {
    set instance [dict get $kernel instance]
    create_ip [join [dict get $kernel vlnv] :] $instance
    clock $instance/aclk
    reset $instance/aresetn
}

proc create_dma {dma} {
    set instance [dict get $dma instance]
    set properties [list CONFIG.c_include_sg 0 CONFIG.c_sg_length_width [dict get $dma length_bits] \
        CONFIG.c_include_mm2s [dict get $dma send] CONFIG.c_include_s2mm [dict get $dma receive] \
        CONFIG.c_addr_width 64]
    if {[dict get $dma send]} {
        lappend properties CONFIG.c_m_axis_mm2s_tdata_width [dict get $dma send_width] \
            CONFIG.c_m_axi_mm2s_data_width [dict get $dma send_width]
    }
    if {[dict get $dma receive]} {
        lappend properties CONFIG.c_s_axis_s2mm_tdata_width [dict get $dma receive_width] \
            CONFIG.c_m_axi_s2mm_data_width [dict get $dma receive_width]
    }
    create_ip xilinx.com:ip:axi_dma $instance {*}$properties
    clock $instance/s_axi_lite_aclk
    reset $instance/axi_resetn
    if {[dict get $dma send]} {
        clock $instance/m_axi_mm2s_aclk
        attach $instance/M_AXIS_MM2S [dict get $dma send_port]
    }
    if {[dict get $dma receive]} {
        clock $instance/m_axi_s2mm_aclk
        attach [dict get $dma receive_port] $instance/S_AXIS_S2MM
    }
}

# The controller stands between the interrupts and the processor: pynq knows no others.
proc create_interrupts {pins} {
    global interrupt_pin
    create_ip xilinx.com:ip:xlconcat xlconcat_0 CONFIG.NUM_PORTS [llength $pins]
    create_ip xilinx.com:ip:axi_intc axi_intc_0 CONFIG.C_IRQ_IS_LEVEL 1 CONFIG.C_IRQ_CONNECTION 1
    clock axi_intc_0/s_axi_aclk
    reset axi_intc_0/s_axi_aresetn
    set input 0
    foreach pin $pins {
        connect_bd_net [get_bd_pins $pin] [get_bd_pins xlconcat_0/In$input]
        incr input
    }
    connect_bd_net [get_bd_pins xlconcat_0/dout] [get_bd_pins axi_intc_0/intr]
    connect_bd_net [get_bd_pins axi_intc_0/irq] [get_bd_pins $interrupt_pin]
}

# SmartConnect takes 16 masters; the refusal stands where the number is known.
proc create_interconnect {name inputs outputs} {
    if {$inputs > 16 || $outputs > 16} {
        refuse "$name would have $inputs inputs and $outputs outputs, and a SmartConnect takes 16 of each; split the overlay"
    }
    create_ip xilinx.com:ip:smartconnect $name CONFIG.NUM_SI $inputs CONFIG.NUM_MI $outputs
    clock $name/aclk
    reset $name/aresetn
}

proc connect_control {slaves} {
    global control_master control_clocks control_space
    create_interconnect control_0 1 [llength $slaves]
    clock {*}$control_clocks
    attach $control_master control_0/S00_AXI
    set index 0
    foreach slave $slaves {
        set bus [dict get $slave bus]
        attach control_0/[format M%02d_AXI $index] $bus
        assign_bd_address -offset [dict get $slave base] -range [dict get $slave range] \
            -target_address_space [get_bd_addr_spaces $control_space] [get_bd_addr_segs $bus/[dict get $slave segment]]
        incr index
    }
}

# Memory masters are dealt out over the ports in turn.
proc connect_memory {port masters} {
    create_interconnect memory_$port [llength $masters] 1
    clock [memory_clock $port]
    attach memory_$port/M00_AXI [memory_port $port]
    set index 0
    foreach master $masters {
        attach [dict get $master bus] memory_$port/[format S%02d_AXI $index]
        assign_bd_address -target_address_space [get_bd_addr_spaces [dict get $master space]] \
            [get_bd_addr_segs [memory_segment $port]]
        incr index
    }
}

create_project -force -part [dict get $design part] $project_name $folder/$project_name
set_property board_part [dict get $design board_part] [current_project]
set_property ip_repo_paths [list $repository] [current_project]
update_ip_catalog
create_bd_design [dict get $design name]

set memory_ports [dict get $design memory_ports]
create_processor [dict get $design clock_mhz] [llength $memory_ports]
create_reset
foreach kernel [dict get $design kernels] {
    create_kernel $kernel
}
foreach dma [dict get $design dmas] {
    create_dma $dma
}
create_interrupts [dict get $design interrupts]
connect_control [dict get $design slaves]
set port 0
foreach masters $memory_ports {
    connect_memory $port $masters
    incr port
}

validate_bd_design
save_bd_design
make_wrapper -top -import -files [get_files [dict get $design name].bd]
set_property top [dict get $design name]_wrapper [current_fileset]
update_compile_order -fileset sources_1
close_project
