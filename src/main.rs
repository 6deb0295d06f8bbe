//! The `kubeboot` binary: parses the command line, runs one future on one thread, exits with the fault's code.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where text leaves the program")]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use kubeboot::cli::{Cli, Sub, check, manual, mint, plan, run, schema, status};
use kubeboot::fault::{Class, Fault};

fn main() -> ExitCode {
    // With panic=abort a bug would look like death by a signal, on which the unit restarts for ever.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("kubeboot: this is a bug: {panic}");
        std::process::exit(i32::from(Class::Bug.exit_code()));
    }));
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("kubeboot: no runtime: {error}");
            return ExitCode::from(Class::Broken.exit_code());
        }
    };
    let exit = match cli.command {
        // The agent tells its fault itself, to journal, console and report.
        Sub::Run(args) => code(runtime.block_on(run::run(&args)).map_err(|fault| fault.class())),
        Sub::Status(args) => match runtime.block_on(status::run(&args, &mut std::io::stdout())) {
            Ok(code) => ExitCode::from(code),
            Err(fault) => print(Err(fault)),
        },
        Sub::Plan(args) => print(runtime.block_on(plan::run(&args))),
        Sub::Check(args) => match runtime.block_on(check::run(&args)) {
            Ok((text, code)) => {
                let _printed = print(Ok(text));
                ExitCode::from(code)
            }
            Err(fault) => print(Err(fault)),
        },
        Sub::Mint(args) => print(mint::run(&args)),
        Sub::Schema(args) => print(Ok(schema::run(&args))),
        Sub::Completions(args) => print(manual::completions(&args)),
        Sub::Man(args) => print(manual::man(&args)),
    };
    // A name that still waits for its DNS server must not hold up the exit.
    runtime.shutdown_background();
    exit
}

fn code(result: Result<(), Class>) -> ExitCode {
    ExitCode::from(result.err().map_or(0, Class::exit_code))
}

fn print(result: Result<String, Fault>) -> ExitCode {
    let written = result.map(|text| {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    });
    match written {
        // A closed pipe (`| head`) is the reader's choice, not a fault.
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("kubeboot: standard output can't be written, and what is there is not whole: {error}");
            ExitCode::from(Class::Broken.exit_code())
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("kubeboot: {fault}");
            ExitCode::from(fault.class().exit_code())
        }
    }
}
