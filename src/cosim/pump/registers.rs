//! Register accesses on AXI4-Lite, with pauses before each of their handshakes.

use super::{ANSWER_LIMIT, BusError, Pump};
use crate::cosim::model::Port;

/// Longest pause before a handshake, in cycles.
const LONGEST_PAUSE: u64 = 8;

impl Pump {
    /// Cycles that the host waits before it does something; none without stalls.
    fn pause(&mut self) -> u64 {
        (0..LONGEST_PAUSE).take_while(|_| self.pauses()).count() as u64
    }

    fn idle(&mut self, cycles: u64) -> Result<(), BusError> {
        (0..cycles).try_for_each(|_| self.tick(|_| ()))
    }

    /// Offers on each `[valid, ready]` after a pause of its own, until all are taken; `what` names them.
    fn offer(&mut self, what: &'static str, channels: &[[Port; 2]]) -> Result<(), BusError> {
        let mut open: Vec<([Port; 2], u64)> = Vec::new();
        for &channel in channels {
            let pause = self.pause();
            open.push((channel, pause));
        }
        for cycle in 0..ANSWER_LIMIT {
            for ([valid, _], pause) in &open {
                self.model.set(*valid, (cycle >= *pause).into());
            }
            let taken = self.tick(|m| {
                let taken = |[_, ready]: [Port; 2], pause| cycle >= pause && m.get(ready) != 0;
                open.iter()
                    .map(|&(c, pause)| taken(c, pause))
                    .collect::<Vec<_>>()
            })?;
            // Valid falls after the edge of its own handshake.
            for (([valid, _], _), _) in open.iter().zip(&taken).filter(|(_, taken)| **taken) {
                self.model.set(*valid, 0);
            }
            let mut taken = taken.into_iter();
            open.retain(|_| !taken.next().expect("one for each channel"));
            if open.is_empty() {
                return Ok(());
            }
        }
        Err(BusError::Timeout {
            what,
            limit: ANSWER_LIMIT,
        })
    }

    /// Takes an answer: its payload, which must stay until it is taken.
    fn answer<const N: usize>(
        &mut self,
        what: &'static str,
        [valid, ready]: [Port; 2],
        payload: [Port; N],
        pause: u64,
    ) -> Result<[u64; N], BusError> {
        let mut held = None;
        for cycle in 0..ANSWER_LIMIT {
            self.model.set(ready, (cycle >= pause).into());
            let seen =
                self.tick(|m| (m.get(valid) != 0).then(|| payload.map(|port| m.get(port))))?;
            if held.is_some() && held != seen {
                return Err(self.violation(format!(
                    "{what} fell or its answer changed before it was taken"
                )));
            }
            held = seen;
            if let (Some(answer), true) = (seen, cycle >= pause) {
                self.model.set(ready, 0);
                return Ok(answer);
            }
        }
        Err(BusError::Timeout {
            what,
            limit: ANSWER_LIMIT,
        })
    }

    /// Reads a register.
    pub(super) fn read_register(&mut self, address: u32) -> Result<u32, BusError> {
        let ([ar_valid, ar_ready, ar_addr], [r_valid, r_ready, r_data, r_resp]) =
            (self.axil.ar, self.axil.r);
        let (gap, pause) = (self.pause(), self.pause());
        self.idle(gap)?;
        self.model.set(ar_addr, address.into());
        self.model.set(r_ready, (pause == 0).into());
        self.offer("s_axil_arready", &[[ar_valid, ar_ready]])?;
        // What was taken need not stand any longer.
        self.model.set(ar_addr, 0);
        let [data, response] =
            self.answer("s_axil_rvalid", [r_valid, r_ready], [r_data, r_resp], pause)?;
        self.response("read", address, response)?;
        Ok(data as u32)
    }

    /// Writes a register; address and data may be taken in different cycles.
    pub(super) fn write_register(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        let ([aw_valid, aw_ready, aw_addr], [w_valid, w_ready, w_data]) =
            (self.axil.aw, self.axil.w);
        let [b_valid, b_ready, b_resp] = self.axil.b;
        let (gap, pause) = (self.pause(), self.pause());
        self.idle(gap)?;
        self.model.set(aw_addr, address.into());
        self.model.set(w_data, value.into());
        self.model.set(b_ready, (pause == 0).into());
        self.offer(
            "s_axil_awready and wready",
            &[[aw_valid, aw_ready], [w_valid, w_ready]],
        )?;
        self.model.set(aw_addr, 0);
        self.model.set(w_data, 0);
        let [response] = self.answer("s_axil_bvalid", [b_valid, b_ready], [b_resp], pause)?;
        self.response("write", address, response)
    }

    fn response(&self, access: &'static str, address: u32, response: u64) -> Result<(), BusError> {
        match response {
            0 => Ok(()),
            2 => Err(BusError::Refused { access, address }),
            other => Err(self.violation(format!(
                "{access} of {address:#05x} answers {other}, neither OKAY nor SLVERR"
            ))),
        }
    }
}
