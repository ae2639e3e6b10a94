//! Rewriting of statement lists without a change of meaning.

use crate::hdl::check::assigns;
use crate::hdl::ir::{Arm, Binary, Expr, Kind, Module, NetId, Stmt};
use std::collections::BTreeSet;

/// Keeps the assignments to nets that `keep` accepts, and the conditions around them.
pub(super) fn slice(stmts: &[Stmt], keep: &dyn Fn(NetId) -> bool) -> Vec<Stmt> {
    stmts.iter().filter_map(|s| slice_one(s, keep)).collect()
}

fn slice_one(stmt: &Stmt, keep: &dyn Fn(NetId) -> bool) -> Option<Stmt> {
    match stmt {
        Stmt::Assign { net, .. } => keep(*net).then(|| stmt.clone()),
        Stmt::If {
            cond,
            then,
            otherwise,
        } => {
            let (then, otherwise) = (slice(then, keep), slice(otherwise, keep));
            (!then.is_empty() || !otherwise.is_empty()).then(|| Stmt::If {
                cond: cond.clone(),
                then,
                otherwise,
            })
        }
        Stmt::Case {
            subject,
            arms,
            default,
        } => {
            let arms: Vec<Arm> = arms
                .iter()
                .map(|arm| Arm {
                    pattern: arm.pattern.clone(),
                    body: slice(&arm.body, keep),
                })
                .collect();
            let default = default.as_ref().map(|body| slice(body, keep));
            let empty = arms.iter().all(|a| a.body.is_empty())
                && default.as_ref().is_none_or(|body| body.is_empty());
            (!empty).then(|| Stmt::Case {
                subject: subject.clone(),
                arms,
                default,
            })
        }
    }
}

/// Drops assignments that a later one in the same list replaces before anything reads them, and assignments by which
/// a register keeps its value.
pub(super) fn simplify(module: &Module, stmts: Vec<Stmt>) -> Vec<Stmt> {
    drop_holds(module, drop_dead(module, stmts))
}

fn drop_dead(module: &Module, stmts: Vec<Stmt>) -> Vec<Stmt> {
    // For each net: is it overwritten further down, with no read in between?
    let mut dead: BTreeSet<NetId> = BTreeSet::new();
    let mut kept = vec![];
    for stmt in stmts.into_iter().rev() {
        let Some(stmt) = slice_one(&stmt, &|net| !dead.contains(&net)) else {
            continue;
        };
        if let Stmt::Assign { net, .. } = &stmt {
            dead.insert(*net);
        }
        stmt.for_each_read(&mut |net| {
            if !module.nets[net].is_reg() {
                dead.remove(&net);
            }
        });
        kept.push(drop_dead_inside(module, stmt));
    }
    kept.reverse();
    kept
}

fn drop_dead_inside(module: &Module, stmt: Stmt) -> Stmt {
    match stmt {
        Stmt::If {
            cond,
            then,
            otherwise,
        } => Stmt::If {
            cond,
            then: drop_dead(module, then),
            otherwise: drop_dead(module, otherwise),
        },
        Stmt::Case {
            subject,
            arms,
            default,
        } => Stmt::Case {
            subject,
            arms: arms
                .into_iter()
                .map(|arm| Arm {
                    body: drop_dead(module, arm.body),
                    ..arm
                })
                .collect(),
            default: default.map(|body| drop_dead(module, body)),
        },
        assign => assign,
    }
}

/// `r.next = r.val()` says nothing if it is the first assignment to `r`; nested lists are not searched, because there
/// it may override an earlier assignment.
fn drop_holds(module: &Module, stmts: Vec<Stmt>) -> Vec<Stmt> {
    let mut assigned = BTreeSet::new();
    let keeps = |stmt: &Stmt, assigned: &mut BTreeSet<NetId>| {
        let holds = matches!(stmt, Stmt::Assign { net, value }
            if module.nets[*net].is_reg() && value.kind == Kind::Net(*net) && !assigned.contains(net));
        stmt.for_each_target(&mut |net| {
            assigned.insert(net);
        });
        !holds
    };
    stmts
        .into_iter()
        .filter(|stmt| keeps(stmt, &mut assigned))
        .collect()
}

/// Joins successive `if x == 0 {…} if x == 1 {…} …` into one `case`.
pub(super) fn join_cases(stmts: Vec<Stmt>) -> Vec<Stmt> {
    let mut out: Vec<Stmt> = vec![];
    let mut run: Vec<(Expr, Arm)> = vec![];
    for stmt in stmts {
        match as_arm(&stmt) {
            Some((subject, arm)) => {
                let fits = run.iter().all(|(s, a)| {
                    *s == subject && a.pattern != arm.pattern && !writes(&a.body, &subject)
                });
                if !fits {
                    flush(&mut run, &mut out);
                }
                run.push((subject, arm));
            }
            None => {
                flush(&mut run, &mut out);
                out.push(stmt);
            }
        }
    }
    flush(&mut run, &mut out);
    out
}

fn as_arm(stmt: &Stmt) -> Option<(Expr, Arm)> {
    let Stmt::If {
        cond,
        then,
        otherwise,
    } = stmt
    else {
        return None;
    };
    let Kind::Binary(Binary::Eq, subject, pattern) = &cond.kind else {
        return None;
    };
    let plain = matches!(subject.kind, Kind::Net(_));
    let known = matches!(pattern.kind, Kind::Lit(_) | Kind::Label(_));
    (otherwise.is_empty() && plain && known).then(|| {
        let arm = Arm {
            pattern: (**pattern).clone(),
            body: join_cases(then.clone()),
        };
        ((**subject).clone(), arm)
    })
}

fn writes(body: &[Stmt], subject: &Expr) -> bool {
    let mut hit = false;
    subject.for_each_net(&mut |net| hit |= assigns(body, net));
    hit
}

fn flush(run: &mut Vec<(Expr, Arm)>, out: &mut Vec<Stmt>) {
    let run = std::mem::take(run);
    if run.len() < 3 {
        out.extend(run.into_iter().map(|(subject, arm)| {
            let width = 1;
            let kind = Kind::Binary(Binary::Eq, Box::new(subject), Box::new(arm.pattern));
            Stmt::If {
                cond: Expr::new(kind, width, false),
                then: arm.body,
                otherwise: vec![],
            }
        }));
        return;
    }
    let subject = run[0].0.clone();
    out.push(Stmt::Case {
        subject,
        arms: run.into_iter().map(|(_, arm)| arm).collect(),
        default: Some(vec![]),
    });
}
