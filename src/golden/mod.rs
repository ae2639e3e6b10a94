//! The golden model: engines in integers, written from the contract.
