//! The supervisor's end.
