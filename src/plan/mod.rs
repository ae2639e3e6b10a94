//! Planner and cycle model.
