//! From preprocessed CUDA C++ to C++: the few words that g++ does not know, and the table of the
//! kernels.

use std::fmt::Write as _;

/// A kernel as its source declares it.
#[derive(Debug, PartialEq, Eq)]
struct Declaration<'a> {
    name: &'a str,
    /// The expression for the most threads that a block may have.
    most_threads: Option<&'a str>,
}

/// A file after the preprocessor, with the words of CUDA replaced and a table of its kernels behind.
pub(super) fn translate(preprocessed: &str) -> String {
    let mut table = String::from("\nnamespace emulation {\nconst Entry kernels[] = {\n");
    let kernels = declarations(preprocessed);
    for Declaration { name, most_threads } in &kernels {
        let most_threads = most_threads.unwrap_or("0");
        writeln!(
            table,
            "{{\"{name}\", {most_threads}, Describe<&::{name}>::parameters, \
             Describe<&::{name}>::count, Describe<&::{name}>::call}},"
        )
        .expect("a string grows");
    }
    // One more, because there are no empty arrays.
    writeln!(
        table,
        "{{}}}};\nconst size_t kernel_count = {};\n}}",
        kernels.len()
    )
    .expect("a string grows");

    let mut text = without_bounds(&with_dynamic_shared(preprocessed));
    text = text.replace("__global__", "");
    // One copy, whose address is known, of variables that live as long as the program.
    text = text.replace("__shared__", "thread_local");
    text + &table
}

/// The names of the kernels of a file after the preprocessor.
pub(super) fn names(preprocessed: &str) -> Vec<String> {
    let kernels = declarations(preprocessed);
    kernels.iter().map(|kernel| kernel.name.into()).collect()
}

/// Every `extern "C" __global__ void [__launch_bounds__(…)] name(`.
fn declarations(text: &str) -> Vec<Declaration<'_>> {
    let mut found = Vec::new();
    for (at, word) in text.match_indices("__global__") {
        let Some(rest) = text[at + word.len()..].trim_start().strip_prefix("void") else {
            continue;
        };
        let mut rest = rest.trim_start();
        let mut most_threads = None;
        if let Some(bounds) = rest.strip_prefix("__launch_bounds__") {
            let Some((inner, after)) = parenthesised(bounds) else {
                continue;
            };
            most_threads = inner.split(',').next().map(str::trim);
            rest = after.trim_start();
        }
        if let Some((name, _)) = rest.split_once('(') {
            found.push(Declaration {
                name: name.trim(),
                most_threads,
            });
        }
    }
    found
}

/// What stands in the parentheses at the beginning, and what follows them.
fn parenthesised(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start().strip_prefix('(')?;
    let mut depth = 1;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

fn without_bounds(text: &str) -> String {
    let mut parts = text.split("__launch_bounds__");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result += parenthesised(part).map_or(part, |(_, after)| after);
    }
    result
}

/// `extern __shared__ __attribute__((aligned(16))) unsigned char memory[];` becomes a pointer to the shared memory
/// that the launch asked for.
fn with_dynamic_shared(text: &str) -> String {
    let mut parts = text.split("extern __shared__");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((declaration, after)) = part.split_once("[];") else {
            result += part;
            continue;
        };
        let (attribute, declaration) = declaration
            .trim()
            .strip_prefix("__attribute__")
            .and_then(parenthesised)
            .unwrap_or(("(aligned(16))", declaration));
        let alignment = attribute.trim_matches(|c: char| !c.is_ascii_digit());
        let (kind, name) = declaration
            .trim()
            .rsplit_once(' ')
            .unwrap_or((declaration, ""));
        write!(
            result,
            "{kind}* {name} = reinterpret_cast<{kind}*>(emulation::dynamic_shared({alignment}));{after}"
        )
        .expect("a string grows");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_found_with_their_bounds() {
        let text = "extern \"C\" __global__ void plain(int a) {} template <int N> void f();\n\
                    extern \"C\" __global__ void __launch_bounds__(f(1), 2)\n  bounded(int b) {}";
        assert_eq!(
            declarations(text),
            [
                Declaration {
                    name: "plain",
                    most_threads: None
                },
                Declaration {
                    name: "bounded",
                    most_threads: Some("f(1)")
                }
            ]
        );
        let translated = translate(text);
        assert!(!translated.contains("__launch_bounds__"), "{translated}");
        assert!(translated.contains("{\"bounded\", f(1), Describe<&::bounded>"));
    }

    #[test]
    fn shared_memory_of_both_kinds_is_declared() {
        assert_eq!(
            with_dynamic_shared(
                "{ extern __shared__ __attribute__((aligned(64))) unsigned char a[]; b(); }"
            ),
            "{ unsigned char* a = reinterpret_cast<unsigned char*>(emulation::dynamic_shared(64)); b(); }"
        );
        assert!(translate("__shared__ float x[3];").starts_with("thread_local float x[3];"));
    }
}
