# Zynq UltraScale+: processor, its window into programmable logic, its memory ports.

set processor zynq_ultra_ps_e_0
set control_master $processor/M_AXI_HPM0_FPD
set control_clocks [list $processor/maxihpm0_fpd_aclk]
set control_space $processor/Data
set interrupt_pin $processor/pl_ps_irq0
set fabric_clock $processor/pl_clk0
set fabric_reset $processor/pl_resetn0

proc create_processor {clock_mhz ports} {
    global processor
    create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e $processor
    apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset "1"} [get_bd_cells $processor]
    set properties [list \
        CONFIG.PSU__FPGA_PL0_ENABLE 1 \
        CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $clock_mhz \
        CONFIG.PSU__USE__IRQ0 1 \
        CONFIG.PSU__USE__M_AXI_GP0 1 \
        CONFIG.PSU__USE__M_AXI_GP1 0 \
        CONFIG.PSU__USE__M_AXI_GP2 0]
    for {set port 0} {$port < $ports} {incr port} {
        # HP0 to HP3 are the processor's ports GP2 to GP5.
        set gp [expr {$port + 2}]
        lappend properties CONFIG.PSU__USE__S_AXI_GP$gp 1 CONFIG.PSU__SAXIGP${gp}__DATA_WIDTH 128
    }
    set_property -dict $properties [get_bd_cells $processor]
}

proc memory_port {port} {
    global processor
    return $processor/S_AXI_HP${port}_FPD
}

proc memory_clock {port} {
    global processor
    return $processor/saxihp${port}_fpd_aclk
}

proc memory_segment {port} {
    global processor
    return $processor/SAXIGP[expr {$port + 2}]/HP${port}_DDR_LOW
}
