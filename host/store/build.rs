//! Tells cargo that the migrations are part of the program.

#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
