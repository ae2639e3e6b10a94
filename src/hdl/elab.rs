//! From a Rust block to a tree of blocks with their atoms and kernels, by rust-hdl's [`Probe`].

use super::bundle::BUNDLE;
use super::tag::Tag;
use super::value::Value;
use rust_hdl::core::prelude::{Atom, AtomKind, Block, Probe, TypeKind, Verilog};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Direction of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Driven from outside.
    Input,
    /// Driven by the block.
    Output,
}

/// A port of the top block.
#[derive(Clone, Debug)]
pub struct PortInfo {
    /// Name in Verilog.
    pub name: String,
    /// Who drives it.
    pub direction: Direction,
    /// Bits.
    pub width: usize,
    /// Two's complement?
    pub signed: bool,
    /// rust-hdl's number of the signal.
    pub(crate) id: usize,
}

/// What an atom is to its block.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    Input,
    Output,
    Local,
    Reg { reset: Option<Value>, kept: bool },
    Const(Value),
}

/// A signal, register or constant of a block.
#[derive(Clone, Debug)]
pub(crate) struct AtomInfo {
    /// Field name; `a$3` is element 3 of the vector `a`.
    pub name: String,
    /// The name in kernels, which begins with that of the [bundle](super::bundle!), if it is in one.
    pub path: String,
    pub role: Role,
    pub width: usize,
    pub signed: bool,
    /// `Type::Variant` names if it holds an enum.
    pub labels: Vec<String>,
    pub id: usize,
}

/// What a block says about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct AboutInfo {
    pub name: String,
    pub variant: String,
    pub doc: String,
}

/// An elaborated block.
pub(crate) struct Node {
    /// Instance name; `pe$3` is element 3 of the vector `pe`.
    pub inst: String,
    pub about: Option<AboutInfo>,
    pub atoms: Vec<AtomInfo>,
    pub params: HashMap<String, usize>,
    /// The block's own text uses `clk`.
    pub clocked: bool,
    /// Inputs that each output of a block with its own text depends on combinationally.
    pub paths: BTreeMap<String, BTreeSet<String>>,
    pub kernel: Verilog,
    /// Kernels of the [parts](super::Part), each with the name of its part.
    pub parts: Vec<(String, Verilog)>,
    pub children: Vec<Node>,
}

impl Node {
    fn new(inst: &str, kernel: Verilog) -> Node {
        Node {
            inst: inst.into(),
            about: None,
            atoms: vec![],
            params: HashMap::new(),
            clocked: false,
            paths: BTreeMap::new(),
            kernel,
            parts: vec![],
            children: vec![],
        }
    }

    /// Takes over what a [part](super::Part) has.
    fn merge(&mut self, part: Node) {
        assert!(
            part.children.is_empty() && part.parts.is_empty(),
            "{}: a part has no sub-blocks: move them to the block that holds it",
            readable(&part.inst)
        );
        let inside = |path: String| format!("{}${path}", part.inst);
        self.atoms
            .extend(part.atoms.into_iter().map(|atom| AtomInfo {
                path: inside(atom.path),
                ..atom
            }));
        let params = part.params.into_iter();
        self.params
            .extend(params.map(|(name, n)| (inside(name), n)));
        self.parts.push((part.inst.clone(), part.kernel));
    }

    /// Ports in order of declaration.
    pub fn ports(&self) -> impl Iterator<Item = &AtomInfo> {
        self.atoms
            .iter()
            .filter(|a| matches!(a.role, Role::Input | Role::Output))
    }

    pub fn port_infos(&self) -> Vec<PortInfo> {
        let port = |a: &AtomInfo| PortInfo {
            name: identifier(&a.name),
            direction: match a.role {
                Role::Input => Direction::Input,
                _ => Direction::Output,
            },
            width: a.width,
            signed: a.signed,
            id: a.id,
        };
        self.ports().map(port).collect()
    }

    /// Paths of all signals by number, such as `top.pe[3].acc`.
    pub fn collect_names(&self, path: &str, names: &mut HashMap<usize, String>) {
        for atom in &self.atoms {
            names.insert(atom.id, format!("{path}.{}", readable(&atom.name)));
        }
        for child in &self.children {
            child.collect_names(&format!("{path}.{}", readable(&child.inst)), names);
        }
    }
}

/// The Verilog identifier of a name whose parts are joined by `$`: `pe$3$acc` is `pe_3_acc`.
pub(crate) fn identifier(name: &str) -> String {
    name.replace('$', "_")
}

/// The name as the Rust source has it: `pe$3$acc` is `pe[3].acc`.
pub(crate) fn readable(name: &str) -> String {
    let mut out = String::new();
    for (i, part) in name.split('$').enumerate() {
        match part.parse::<usize>() {
            Ok(_) => out += &format!("[{part}]"),
            Err(_) if i == 0 => out += part,
            Err(_) => out += &format!(".{part}"),
        }
    }
    out
}

/// Walks a block.
pub(crate) fn elaborate(block: &dyn Block, name: &str) -> Node {
    let mut walk = Walk::default();
    block.accept(name, &mut walk);
    walk.root.expect("a block opens a scope")
}

struct Open {
    node: Node,
    namespaces: Vec<String>,
    part: bool,
}

#[derive(Default)]
struct Walk {
    open: Vec<Open>,
    root: Option<Node>,
}

impl Walk {
    fn qualified(&self, name: &str) -> String {
        let prefix = self.open.last().map_or(&[][..], |open| &open.namespaces);
        let parts: Vec<&str> = prefix.iter().map(String::as_str).chain([name]).collect();
        parts.join("$")
    }

    fn outside_of_bundles(path: &str) -> String {
        let parts: Vec<&str> = path.split('$').filter(|p| !p.ends_with(BUNDLE)).collect();
        parts.join("$")
    }
}

impl Probe for Walk {
    fn visit_start_scope(&mut self, name: &str, block: &dyn Block) {
        let inst = self.qualified(name);
        self.open.push(Open {
            node: Node::new(&inst, block.hdl()),
            namespaces: vec![],
            part: false,
        });
    }

    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        let Open { mut node, part, .. } = self.open.pop().expect("scopes nest");
        // Ports first, as a block without parts declares them.
        node.atoms
            .sort_by_key(|a| !matches!(a.role, Role::Input | Role::Output));
        match self.open.last_mut() {
            Some(parent) if part => parent.node.merge(node),
            Some(parent) => parent.node.children.push(node),
            None => self.root = Some(node),
        }
    }

    fn visit_start_namespace(&mut self, name: &str, _: &dyn Block) {
        if let Some(open) = self.open.last_mut() {
            open.namespaces.push(name.into());
        }
    }

    fn visit_end_namespace(&mut self, _: &str, _: &dyn Block) {
        if let Some(open) = self.open.last_mut() {
            open.namespaces.pop();
        }
    }

    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        let path = self.qualified(name);
        let name = Walk::outside_of_bundles(&path);
        let path = path.replace(BUNDLE, "");
        let descriptor = atom.descriptor();
        let Some(Open { node, part, .. }) = self.open.last_mut() else {
            return;
        };
        let role = match (Tag::decode(&descriptor.name), atom.kind()) {
            (Tag::About { name, variant, doc }, _) => {
                node.about = Some(AboutInfo { name, variant, doc });
                return;
            }
            (Tag::Param(n), _) => {
                node.params.insert(name, n);
                return;
            }
            (Tag::Part, _) => {
                *part = true;
                return;
            }
            (Tag::Clocked, _) => {
                node.clocked = true;
                return;
            }
            (Tag::Path { from, to }, _) => {
                node.paths.entry(to).or_default().insert(from);
                return;
            }
            (Tag::Const(value), _) => Role::Const(value),
            (Tag::Reg(reset, kept), _) => Role::Reg { reset, kept },
            (_, AtomKind::InputParameter) => Role::Input,
            (_, AtomKind::OutputParameter) => Role::Output,
            _ => Role::Local,
        };
        node.atoms.push(AtomInfo {
            name,
            path,
            role,
            width: atom.bits(),
            signed: matches!(descriptor.kind, TypeKind::Signed(_)),
            labels: match descriptor.kind {
                TypeKind::Enum(labels) => labels,
                _ => vec![],
            },
            id: atom.id(),
        });
    }
}
