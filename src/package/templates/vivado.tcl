# Synthesis, placement and routing of {{ top }} with Vivado, out of context; reports into the current folder.
#   vivado -mode batch -source vivado.tcl [-tclargs PART]
set part [expr {$argc > 0 ? [lindex $argv 0] : "{{ device }}"}]
set here [file dirname [file normalize [info script]]]
create_project -in_memory -part $part
read_verilog [list \
{% for file in files %}
    $here/../{{ file }} \
{% endfor %}
    $here/{{ top }}_axi.v]
read_xdc -mode out_of_context $here/{{ name }}.xdc
synth_design -top {{ top }}_axi -part $part -mode out_of_context
opt_design
place_design
route_design
report_utilization -hierarchical -file {{ name }}_utilization.rpt
report_timing_summary -file {{ name }}_timing.rpt
write_checkpoint -force {{ name }}.dcp
