//! Declarations of a module: wires, variables, constants, and the sink of unread bits.

use super::{Printer, literal_text, range, sign};
use crate::hdl::ir::{Net, NetId, NetRole};
use std::collections::BTreeSet;

impl Printer<'_> {
    pub(super) fn declarations(&self, variables: &BTreeSet<NetId>) -> String {
        let mut out = String::new();
        let mut declare = |kind: &str, signed: bool, width: usize, name: &str| {
            out += &format!("    {kind} {}{}{name};\n", sign(signed), range(width));
        };
        for (id, net) in self.writer.module.nets.iter().enumerate() {
            let name = &self.writer.net_names[id];
            let kind = match net.role {
                NetRole::Reg { kept: true, .. } => "(* keep *) reg ",
                NetRole::Reg { .. } => "reg ",
                NetRole::Local | NetRole::ToChild(_) if variables.contains(&id) => "reg ",
                NetRole::Local => "wire",
                NetRole::ToChild(_) if !self.inlined.contains(&id) => "wire",
                NetRole::FromChild(_) if !self.aliases.contains_key(&id) => "wire",
                _ => continue,
            };
            declare(kind, net.signed, net.width, name);
            if let Some(next) = self.next_names.get(&id) {
                declare("reg ", net.signed, net.width, next);
            }
        }
        for temp in &self.writer.temps {
            let kind = if temp.value.is_some() { "wire" } else { "reg " };
            declare(kind, temp.signed, temp.width, &temp.name);
        }
        out
    }

    pub(super) fn constants(&self) -> String {
        let mut out = String::new();
        for net in &self.writer.consts_used {
            let Net {
                width,
                signed,
                role,
                ..
            } = &self.writer.module.nets[*net];
            if let NetRole::Const(value) = role {
                out += &format!(
                    "    localparam {}{}{} = {};\n",
                    sign(*signed),
                    range(*width),
                    self.writer.net_names[*net],
                    literal_text(value)
                );
            }
        }
        for (label, info) in &self.writer.module.labels {
            if self.writer.labels_used.contains(label) {
                out += &format!(
                    "    localparam {}{} = {}'d{};\n",
                    range(info.width),
                    self.writer.label_names[label],
                    info.width,
                    info.value
                );
            }
        }
        out
    }

    /// Reads what nothing else reads, in a wire whose name tells lint that this is meant.
    pub(super) fn unused(&mut self) -> String {
        let mut idle = vec![];
        let mut check = |name: &str, width: usize| {
            for (high, low) in self.writer.uses.unread(name, width) {
                idle.push(match (width, high == low) {
                    (1, _) => name.to_string(),
                    (_, _) if low == 0 && high + 1 == width => name.to_string(),
                    (_, true) => format!("{name}[{low}]"),
                    (_, false) => format!("{name}[{high}:{low}]"),
                });
            }
        };
        for (id, net) in self.writer.module.nets.iter().enumerate() {
            let declared = match net.role {
                NetRole::Input | NetRole::Local | NetRole::Reg { .. } => true,
                NetRole::FromChild(_) => !self.aliases.contains_key(&id),
                _ => false,
            };
            if declared {
                check(&self.writer.net_names[id], net.width);
            }
        }
        for temp in &self.writer.temps {
            check(&temp.name, temp.width);
        }
        if idle.is_empty() {
            return String::new();
        }
        let name = self.writer.names.add("unused");
        format!(
            "    // Bits that are not needed here.\n    wire {name} = &{{1'b0, {}}};\n",
            idle.join(", ")
        )
    }
}
