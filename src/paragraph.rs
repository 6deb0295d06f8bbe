//! Paragraphs for people: words on lines of at most 100 columns.

/// Longest line, characters.
const WIDTH: usize = 100;

/// Appends a paragraph, whose first line begins with `first` and the others with `next`. Space between words becomes one space
/// or a line's end; a word that is longer than a line has one of its own.
pub fn write(out: &mut String, first: &str, next: &str, paragraph: &str) {
    out.push_str(first);
    let mut width = first.chars().count();
    let mut begun = false;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if begun && width + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(next);
            width = next.chars().count();
        } else if begun {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
        begun = true;
    }
    out.push('\n');
}
