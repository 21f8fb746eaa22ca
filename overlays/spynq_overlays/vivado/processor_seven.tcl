# Zynq-7000: the same answers as processor_ultrascale.tcl.

set processor processing_system7_0
set control_master $processor/M_AXI_GP0
set control_clocks [list $processor/M_AXI_GP0_ACLK]
set control_space $processor/Data
set interrupt_pin $processor/IRQ_F2P
set fabric_clock $processor/FCLK_CLK0
set fabric_reset $processor/FCLK_RESET0_N

proc create_processor {clock_mhz ports} {
    global processor
    create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 $processor
    apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 -config {make_external "FIXED_IO, DDR" apply_board_preset "1"} [get_bd_cells $processor]
    set properties [list \
        CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $clock_mhz \
        CONFIG.PCW_USE_FABRIC_INTERRUPT 1 \
        CONFIG.PCW_IRQ_F2P_INTR 1 \
        CONFIG.PCW_USE_M_AXI_GP0 1]
    for {set port 0} {$port < $ports} {incr port} {
        lappend properties CONFIG.PCW_USE_S_AXI_HP$port 1 CONFIG.PCW_S_AXI_HP${port}_DATA_WIDTH 64
    }
    set_property -dict $properties [get_bd_cells $processor]
}

proc memory_port {port} {
    global processor
    return $processor/S_AXI_HP$port
}

proc memory_clock {port} {
    global processor
    return $processor/S_AXI_HP${port}_ACLK
}

proc memory_segment {port} {
    global processor
    return $processor/S_AXI_HP$port/HP${port}_DDR_LOWOCM
}
