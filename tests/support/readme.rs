//! Tables of README.md that come from the code: between `<!-- NAME -->` and the next `<!-- end -->`. `UPDATE=1` rewrites
//! them and still fails that run, so that a rewrite is always looked at.

/// Compares with the table of this name.
pub fn has(name: &str, table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), "<!-- end -->\n");
    let (head, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("README.md has no `{begin}`"));
    let (found, tail) = rest.split_once(end).unwrap_or_else(|| panic!("README.md's `{begin}` has no end"));
    if found == table {
        return;
    }
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, format!("{head}{begin}{table}{end}{tail}")).unwrap();
        panic!("README.md was rewritten: look at the change, then run without UPDATE");
    }
    panic!("README.md's table `{name}` is not the code's (UPDATE=1 rewrites it); it has to be\n{table}");
}
