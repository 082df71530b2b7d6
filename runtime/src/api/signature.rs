//! What a member takes and answers, read from the annotations of its row.

/// The parts of [`meta`](super::Entry::meta).
#[derive(Debug, Default)]
pub struct Signature<'a> {
    pub waits: bool,
    /// Name and type, the name with `?` when it may be left out.
    pub params: Vec<(&'a str, &'a str)>,
    pub returns: Vec<&'a str>,
    /// The type of a member that is no function.
    pub value: Option<&'a str>,
}

impl<'a> Signature<'a> {
    pub fn read(meta: &'a str) -> Self {
        let mut signature = Self::default();
        for line in meta.lines() {
            let Some(line) = line.strip_prefix("---@") else { continue };
            match line.split_once(' ') {
                None => signature.waits |= line == "async",
                Some(("param", rest)) => {
                    signature.params.push(rest.split_once(' ').unwrap_or((rest, "any")));
                }
                Some(("return", rest)) => signature.returns.push(rest),
                Some(("type", rest)) => signature.value = Some(rest),
                Some(_) => {}
            }
        }
        signature
    }
}
