//! Programs that show a variable of the session and one that it removes, and tell of both.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A program in one language.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    C,
    Java,
    Go,
}

const C: &str = r#"#include <stdio.h>
#include <stdlib.h>
int main(void) {
    const char *color = getenv("COLOR"), *removed = getenv("CARGO_PKG_NAME");
    printf("color is %s%s\n", color ? color : "none", removed ? removed : "");
    return 0;
}
"#;

const JAVA: &str = r#"public class Main {
    public static void main(String[] arguments) {
        String color = System.getenv("COLOR"), removed = System.getenv("CARGO_PKG_NAME");
        System.out.println("color is " + color + (removed == null ? "" : removed));
    }
}
"#;

const GO: &str = r#"package main
import ("fmt"; "os")
func main() {
	color := os.Getenv("COLOR")
	fmt.Println("color is", color)
}
"#;

impl Program {
    /// Writes its source into `folder`, and gives its path.
    pub(super) fn write(self, folder: &Path) -> PathBuf {
        let (name, text) = match self {
            Self::C => ("main.c", C),
            Self::Java => ("Main.java", JAVA),
            Self::Go => ("main.go", GO),
        };
        if matches!(self, Self::Go) {
            fs::write(folder.join("go.mod"), "module color\ngo 1.20\n").unwrap();
        }
        fs::write(folder.join(name), text).unwrap();
        folder.join(name)
    }

    /// The line that prints.
    pub(super) fn line(self) -> u32 {
        match self {
            Self::C | Self::Go => 5,
            Self::Java => 4,
        }
    }

    /// Compiles what [`Self::write`] has written. False where this machine has no compiler for it.
    pub(super) fn compile(self, source: &Path) -> bool {
        let mut compiler = match self {
            Self::C => Command::new("cc"),
            Self::Java => Command::new("javac"),
            Self::Go => return true, // the debugger's own affair
        };
        let done = compiler.arg("-g").arg(source).current_dir(source.parent().unwrap()).status();
        done.is_ok_and(|status| status.success())
    }

    /// What a launch says of it.
    pub(super) fn launch(self, folder: &Path) -> serde_json::Value {
        match self {
            Self::C => serde_json::json!({"program": folder.join("a.out"), "cwd": folder}),
            Self::Java => {
                serde_json::json!({"mainClass": "Main", "classPaths": [folder], "modulePaths": [], "cwd": folder})
            }
            Self::Go => serde_json::json!({"program": folder}),
        }
    }
}
