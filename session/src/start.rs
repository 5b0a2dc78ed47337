//! The ways in which an agent gets started.

pub mod local;

/// placeholder
#[derive(Debug, thiserror::Error)]
#[error("placeholder")]
pub struct StartError;
