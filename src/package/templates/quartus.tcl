# Project and compilation of {{ top }} with Quartus; ports become virtual pins.
#   quartus_sh -t quartus.tcl [PART]
package require ::quartus::project
package require ::quartus::flow
set here [file dirname [file normalize [info script]]]
project_new {{ name }} -overwrite
set_global_assignment -name FAMILY "Arria 10"
set_global_assignment -name DEVICE [expr {$argc > 0 ? [lindex $argv 0] : "10AX115N2F45E1SG"}]
set_global_assignment -name TOP_LEVEL_ENTITY {{ top }}
foreach file {
{% for file in files %}
    {{ file }}
{% endfor %}
} {
    set_global_assignment -name VERILOG_FILE $here/../$file
}
set_global_assignment -name SDC_FILE $here/{{ name }}.sdc
set_instance_assignment -name VIRTUAL_PIN ON -to *
set_instance_assignment -name VIRTUAL_PIN OFF -to clk
execute_flow -compile
project_close
