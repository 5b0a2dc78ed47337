//! `mirrord sessions`: what runs on this machine, whoever has started it, and its end.

use std::time::Duration;

use serde_json::json;
use session::{
    control::client,
    view::{By, State, Traffic, View},
};

use crate::{cli, exec::Failure, exit, settings, terminal};

/// What the command is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print everything that is known, as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// End a session and its programs
    Stop {
        /// Its name, or how that begins
        name: String,
    },
}

/// How long a session may take to end before that is told.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Pause between two looks at whether it has.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Lists sessions, or stops one.
pub(crate) fn main(arguments: &Arguments) -> u8 {
    let runtime = match cli::runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let done = runtime.block_on(async {
        match &arguments.action {
            Some(Action::Stop { name }) => stop(name).await,
            None => {
                let sessions = client::sessions(&settings::variables()).await;
                terminal::print(&if arguments.json { format!("{}\n", json!(sessions)) } else { table(&sessions) });
                Ok(())
            }
        }
    });
    done.map_or_else(Failure::tell, |()| 0)
}

/// Returns when the session has ended.
async fn stop(name: &str) -> Result<(), Failure> {
    let environment = settings::variables();
    let failed = |error| Failure::new(exit::FAILURE, &error);
    let mut client = client::Client::to(name, &environment).await.map_err(failed)?;
    let view = client.view(false).await.map_err(failed)?;
    client.ask(&session::control::Request::Stop).await.map_err(failed)?;
    let ended = async {
        while client.view(false).await.is_ok() {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    if tokio::time::timeout(END_LIMIT, ended).await.is_err() {
        let text = format!("the session {} was told to end and still runs, in process {}", view.session, view.pid);
        return Err(Failure::new(exit::FAILURE, &text));
    }
    terminal::print_line(&format!("stopped {} ({})", view.session, view.target));
    Ok(())
}

fn table(sessions: &[View]) -> String {
    if sessions.is_empty() {
        return "no session runs\n".to_owned();
    }
    let mut rows = vec![["SESSION", "STATE", "FROM", "PROCESS", "TIME", "PORTS", "TARGET"].map(str::to_owned)];
    rows.extend(sessions.iter().map(row));
    let widths: Vec<usize> =
        (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>();
        terminal::harmless(cells.join("  ").trim_end()) + "\n"
    });
    lines.collect()
}

fn row(view: &View) -> [String; 7] {
    let state = match view.state {
        State::Connected if view.standing => "at a breakpoint",
        State::Starting => "starting",
        State::Connected => "connected",
        State::Degraded => "silent",
        State::Lost => "lost",
        State::Stopped => "stopped",
    };
    let by = match view.by {
        By::Terminal => "terminal",
        By::Editor => "editor",
        By::Debug => "debugger",
    };
    let ports = view.ports.iter().map(|port| match port.mode {
        Traffic::Mirror => format!("{} mirrored", port.port),
        Traffic::Steal if port.filter.is_some() => format!("{} filtered", port.port),
        Traffic::Steal => format!("{} stolen", port.port),
    });
    let ports = ports.collect::<Vec<_>>().join(", ");
    let ports = if ports.is_empty() { "-".to_owned() } else { ports };
    let target = view.target.clone();
    [view.session.clone(), state.into(), by.into(), view.pid.to_string(), time(view.seconds), ports, target]
}

/// `42 s`, `12 min`, `3 h 20 min`
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use session::view::Port;

    use super::*;

    #[test]
    fn people_get_a_table() {
        let port = Port { port: 80, local: ([127, 0, 0, 1], 8080).into(), mode: Traffic::Steal, filter: None };
        let target = "pod/api-1/container/api in namespace shop".to_owned();
        let connected =
            View { session: "0a1b2c3d".into(), pid: 41, target, state: State::Connected, ..View::default() };
        let debugged = View { by: By::Debug, standing: true, seconds: 12_000, ports: vec![port], ..connected.clone() };
        expect![[r"
            SESSION   STATE            FROM      PROCESS  TIME        PORTS      TARGET
            0a1b2c3d  at a breakpoint  debugger  41       3 h 20 min  80 stolen  pod/api-1/container/api in namespace shop
            0a1b2c3d  connected        terminal  41       0 s         -          pod/api-1/container/api in namespace shop
        "]]
        .assert_eq(&table(&[debugged, connected]));
        assert_eq!(table(&[]), "no session runs\n");
    }
}
