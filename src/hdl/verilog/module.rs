//! One module's text.

mod declare;

use super::Port;
use super::expr::{Process, Style, Writer, literal_text};
use super::names::{constant_name, tidy};
use super::process::{Assign, ProcessWriter, default_lines};
use super::schedule::{Schedule, child_paths, schedule};
use super::simplify::slice;
use crate::hdl::check::Checked;
use crate::hdl::elab::{Direction, Node, identifier};
use crate::hdl::ir::{Expr, Kind, Net, NetId, NetRole};
use rust_hdl::core::prelude::Verilog;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a parent needs to know of a printed child.
#[derive(Clone)]
pub(super) struct Instance {
    /// Stands for the module's name until names are given.
    pub module: String,
    pub ports: Vec<Port>,
}

/// Ports of a block, clock and reset first.
pub(super) fn ports(checked: &Checked) -> Vec<Port> {
    let implied = |name: &str| Port {
        name: name.into(),
        direction: Direction::Input,
        width: 1,
        signed: false,
    };
    let mut ports = vec![];
    if needs_clock(checked) {
        ports.push(implied("clk"));
    }
    if needs_reset(checked) {
        ports.push(implied("rst_n"));
    }
    ports.extend(checked.node.port_infos().into_iter().map(|p| Port {
        name: tidy(&p.name),
        direction: p.direction,
        width: p.width,
        signed: p.signed,
    }));
    ports
}

fn needs_clock(checked: &Checked) -> bool {
    let reg = |net: &Net| net.is_reg();
    checked.node.clocked
        || checked.module.nets.iter().any(reg)
        || checked.children.iter().any(needs_clock)
}

fn needs_reset(checked: &Checked) -> bool {
    let reg = |net: &Net| matches!(net.role, NetRole::Reg { reset: Some(_), .. });
    checked.module.nets.iter().any(reg) || checked.children.iter().any(needs_reset)
}

fn range(width: usize) -> String {
    match width {
        1 => String::new(),
        w => format!("[{}:0] ", w - 1),
    }
}

fn sign(signed: bool) -> &'static str {
    if signed { "signed " } else { "" }
}

/// The module from its port list to `endmodule`, without its name.
pub(super) fn print(checked: &Checked, children: &[Instance], style: Style) -> String {
    match &checked.node.kernel {
        Verilog::Custom(text) => custom(checked, text),
        _ => Printer::new(checked, children, style).print(),
    }
}

fn header(ports: &[Port], variables: &BTreeSet<String>) -> String {
    let port = |p: &Port| {
        let kind = match p.direction {
            Direction::Input => "input  wire",
            Direction::Output if variables.contains(&p.name) => "output reg ",
            Direction::Output => "output wire",
        };
        format!("    {kind} {}{}{}", sign(p.signed), range(p.width), p.name)
    };
    let lines: Vec<String> = ports.iter().map(port).collect();
    format!(" (\n{}\n);\n", lines.join(",\n"))
}

fn custom(checked: &Checked, text: &str) -> String {
    let mut out = header(&ports(checked), &BTreeSet::new());
    for line in text.lines() {
        out += format!("    {line}").trim_end();
        out.push('\n');
    }
    out + "endmodule\n"
}

struct Printer<'a> {
    checked: &'a Checked,
    node: &'a Node,
    children: &'a [Instance],
    writer: Writer<'a>,
    schedule: Schedule,
    next_names: BTreeMap<NetId, String>,
    inst_names: Vec<String>,
    /// Outputs of children that drive a net of this module directly.
    aliases: HashMap<NetId, NetId>,
    /// Inputs of children whose value stands in the port connection.
    inlined: BTreeSet<NetId>,
}

impl<'a> Printer<'a> {
    fn new(checked: &'a Checked, children: &'a [Instance], style: Style) -> Self {
        let kids = checked.children.iter();
        let paths = child_paths(
            &checked.module,
            kids.map(|c| (c.node.inst.as_str(), &c.paths)),
        );
        let mut printer = Printer {
            checked,
            node: &checked.node,
            children,
            writer: Writer::new(&checked.module, style),
            schedule: schedule(&checked.module, &paths),
            next_names: BTreeMap::new(),
            inst_names: vec![],
            aliases: HashMap::new(),
            inlined: BTreeSet::new(),
        };
        printer.find_aliases();
        printer.give_names();
        printer
    }

    /// A wire that just copies a child's output is connected to it.
    fn find_aliases(&mut self) {
        for (net, value) in &self.schedule.continuous {
            if let Kind::Net(source) = value.kind {
                let from_child =
                    matches!(self.writer.module.nets[source].role, NetRole::FromChild(_));
                let own = !matches!(self.writer.module.nets[*net].role, NetRole::ToChild(_));
                if from_child && own {
                    self.aliases.entry(source).or_insert(*net);
                }
            }
        }
        for net in self.aliases.values() {
            self.schedule.continuous.remove(net);
        }
    }

    fn give_names(&mut self) {
        for name in ["clk", "rst_n"] {
            self.writer.names.add(name);
        }
        let module = self.writer.module;
        let own = |role: &NetRole| !matches!(role, NetRole::ToChild(_) | NetRole::FromChild(_));
        // Ports first: their names are fixed.
        let is_port = |role: &NetRole| matches!(role, NetRole::Input | NetRole::Output);
        let mut order: Vec<NetId> = (0..module.nets.len()).collect();
        order.sort_by_key(|id| {
            let role = &module.nets[*id].role;
            (!is_port(role), !own(role))
        });
        for id in order {
            if self.aliases.contains_key(&id) {
                continue;
            }
            let net = &module.nets[id];
            let wish = match net.role {
                NetRole::Const(_) => constant_name(&net.name),
                _ => identifier(&net.name),
            };
            self.writer.net_names[id] = self.writer.names.add(&wish);
        }
        for (source, net) in &self.aliases {
            self.writer.net_names[*source] = self.writer.net_names[*net].clone();
        }
        for label in module.labels.keys() {
            let name = self.writer.names.add(&constant_name(label));
            self.writer.label_names.insert(label.clone(), name);
        }
        for child in &self.checked.children {
            let name = self.writer.names.add(&identifier(&child.node.inst));
            self.inst_names.push(name);
        }
        for reg in &self.schedule.staged {
            let name = format!("{}_next", self.writer.net_names[*reg]);
            self.next_names.insert(*reg, self.writer.names.add(&name));
        }
    }

    fn print(mut self) -> String {
        let clocked = self.clocked_processes();
        let comb = self.comb_processes();
        let (instances, connections) = self.instances();
        let assigns = self.assigns() + &connections;
        let variables = self.variables();
        let declarations = self.declarations(&variables);
        let constants = self.constants();
        let temps = self.temp_assigns();
        let unused = self.unused();

        let names: BTreeSet<String> = variables
            .iter()
            .map(|net| self.writer.net_names[*net].clone())
            .collect();
        let sections = [
            constants,
            declarations,
            instances,
            temps + &assigns,
            comb,
            clocked,
            unused,
        ];
        let filled: Vec<String> = sections.into_iter().filter(|s| !s.is_empty()).collect();
        let ports = ports(self.checked);
        format!("{}{}endmodule\n", header(&ports, &names), filled.join("\n"))
    }

    /// Own nets that a process assigns.
    fn variables(&self) -> BTreeSet<NetId> {
        let targets = self.schedule.processes.iter().flat_map(|(t, _)| t);
        let comb = targets.filter(|t| !self.schedule.staged.contains(t));
        comb.copied().collect()
    }

    fn clocked_processes(&mut self) -> String {
        let regs = |with_reset: bool, nets: &[Net]| -> BTreeSet<NetId> {
            let wanted = |net: &Net| match &net.role {
                NetRole::Reg { reset, .. } => reset.is_some() == with_reset,
                _ => false,
            };
            let ids = nets.iter().enumerate();
            ids.filter(|(_, n)| wanted(n)).map(|(id, _)| id).collect()
        };
        let nets = &self.writer.module.nets;
        let (reset, free) = (regs(true, nets), regs(false, nets));
        let mut out = vec![];
        if !reset.is_empty() {
            let body = self.clocked_body(&reset, 3);
            let resets = self.resets(&reset);
            out.push(format!(
                "    always @(posedge clk) begin\n        if (!rst_n) begin\n{resets}        end else begin\n{body}        end\n    end\n"
            ));
        }
        if !free.is_empty() {
            let body = self.clocked_body(&free, 2);
            let zeros: String = free
                .iter()
                .map(|reg| {
                    let net = &self.writer.module.nets[*reg];
                    let zero = crate::hdl::Value::zero(net.width, net.signed);
                    format!(
                        "        {} = {};\n",
                        self.writer.net_names[*reg],
                        literal_text(&zero)
                    )
                })
                .collect();
            out.push(format!("    initial begin\n{zeros}    end\n"));
            out.push(format!("    always @(posedge clk) begin\n{body}    end\n"));
        }
        out.join("\n")
    }

    fn resets(&mut self, regs: &BTreeSet<NetId>) -> String {
        let mut out = String::new();
        for reg in regs {
            let NetRole::Reg {
                reset: Some(value), ..
            } = &self.writer.module.nets[*reg].role
            else {
                continue;
            };
            let name = &self.writer.net_names[*reg];
            let text = match self.label_of(*reg, value.index()) {
                Some(label) => {
                    let text = self.writer.label_names[&label].clone();
                    self.writer.labels_used.insert(label);
                    text
                }
                None => literal_text(value),
            };
            out += &format!("            {name} <= {text};\n");
        }
        out
    }

    /// The enum variant of a register that holds an enum.
    fn label_of(&self, reg: NetId, value: usize) -> Option<String> {
        // Atoms come first in the net table, in the same order.
        let atom = self.node.atoms.get(reg)?;
        atom.labels.get(value).map(|l| l.replace("::", "$"))
    }

    fn clocked_body(&mut self, regs: &BTreeSet<NetId>, depth: usize) -> String {
        let stmts = slice(&self.schedule.clocked, &|net| regs.contains(&net));
        let mut process = ProcessWriter {
            writer: &mut self.writer,
            assign: Assign::Clocked,
            next_names: &self.next_names,
        };
        let mut out = process.list(&stmts, depth, &mut BTreeSet::new());
        for (reg, next) in self.next_names.iter().filter(|(r, _)| regs.contains(r)) {
            let name = &self.writer.net_names[*reg];
            let width = self.writer.module.nets[*reg].width;
            out += &format!("{}{name} <= {next};\n", "    ".repeat(depth));
            self.writer.uses.mark(next, 0, width);
        }
        out
    }

    fn comb_processes(&mut self) -> String {
        let mut out = vec![];
        for (targets, stmts) in &self.schedule.processes {
            let mut body = String::new();
            for reg in targets.intersection(&self.schedule.staged) {
                let name = self.writer.net_names[*reg].clone();
                let width = self.writer.module.nets[*reg].width;
                self.writer.uses.mark(&name, 0, width);
                body += &format!("        {} = {name};\n", self.next_names[reg]);
            }
            self.writer.process = Some(Process {
                targets: targets.clone(),
                ..Process::default()
            });
            let mut process = ProcessWriter {
                writer: &mut self.writer,
                assign: Assign::Blocking,
                next_names: &self.next_names,
            };
            body += &process.list(stmts, 2, &mut BTreeSet::new());
            let process = self.writer.process.take().unwrap_or_default();
            let defaults = default_lines(&process.defaults, 2);
            out.push(format!("    always @(*) begin\n{defaults}{body}    end\n"));
        }
        out.join("\n")
    }

    fn is_simple(e: &Expr) -> bool {
        match &e.kind {
            Kind::Net(_) | Kind::Lit(_) | Kind::Label(_) => true,
            Kind::Unary(_, x) | Kind::Slice(x, _) => matches!(x.kind, Kind::Net(_)),
            _ => false,
        }
    }

    /// Instances, and the assignments to inputs whose values are too long to stand in the connection.
    fn instances(&mut self) -> (String, String) {
        let (mut out, mut assigns) = (vec![], String::new());
        let mut first_port = self.node.atoms.len();
        for (i, child) in self.children.iter().enumerate() {
            let mut lines = vec![];
            let mut data_port = 0;
            for port in &child.ports {
                if matches!(port.name.as_str(), "clk" | "rst_n") {
                    self.writer.uses.mark(&port.name, 0, 1);
                    lines.push(format!("        .{0}({0})", port.name));
                    continue;
                }
                let net = first_port + data_port;
                data_port += 1;
                let text = self.connection(net, &mut assigns);
                lines.push(format!("        .{}({text})", port.name));
            }
            first_port += data_port;
            out.push(format!(
                "    {} {} (\n{}\n    );\n",
                child.module,
                self.inst_names[i],
                lines.join(",\n")
            ));
        }
        (out.join("\n"), assigns)
    }

    /// What is connected to a child's port.
    fn connection(&mut self, net: NetId, assigns: &mut String) -> String {
        let name = self.writer.net_names[net].clone();
        if matches!(self.writer.module.nets[net].role, NetRole::FromChild(_)) {
            return name;
        }
        let width = self.writer.module.nets[net].width;
        self.writer.uses.mark(&name, 0, width);
        let Some(value) = self.schedule.continuous.remove(&net) else {
            return name;
        };
        self.writer.hint = name.clone();
        let text = self.writer.whole(&value);
        if Self::is_simple(&value) {
            self.inlined.insert(net);
            return text;
        }
        *assigns += &format!("    assign {name} = {text};\n");
        name
    }

    fn assigns(&mut self) -> String {
        let mut out = String::new();
        for (net, value) in std::mem::take(&mut self.schedule.continuous) {
            let name = self.writer.net_names[net].clone();
            self.writer.hint = name.clone();
            let text = self.writer.whole(&value);
            out += &format!("    assign {name} = {text};\n");
        }
        out
    }

    fn temp_assigns(&self) -> String {
        let value = |t: &super::expr::Temp| t.value.clone().map(|v| (t.name.clone(), v));
        let temps = self.writer.temps.iter().filter_map(value);
        temps
            .map(|(name, value)| format!("    assign {name} = {value};\n"))
            .collect()
    }
}
