//! Integer expressions inside the `[…]` of a signal name, such as `pe[i*w+j-1]$x`.

/// Replaces every `[expression]` of `name` by `$value`.
///
/// `lookup` gives loop variables and parameters.
pub(super) fn resolve(name: &str, lookup: &dyn Fn(&str) -> Option<i128>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        out += &rest[..open];
        let close = matching_bracket(rest, open)
            .ok_or_else(|| format!("unbalanced brackets in `{name}`"))?;
        let text = &rest[open + 1..close];
        let value = evaluate(text, lookup)?;
        if value < 0 {
            return Err(format!("index `{text}` is {value}"));
        }
        out += &format!("${value}");
        rest = &rest[close + 1..];
    }
    Ok(out + rest)
}

fn matching_bracket(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().skip(open).find_map(|(i, c)| {
        depth += match c {
            '[' => 1,
            ']' => -1,
            _ => 0,
        };
        (depth == 0).then_some(i)
    })
}

/// The value of an integer expression with `+ - * / % << >>` and parentheses.
fn evaluate(text: &str, lookup: &dyn Fn(&str) -> Option<i128>) -> Result<i128, String> {
    let mut parser = Parser {
        text,
        rest: text,
        lookup,
    };
    let value = parser.binary(0)?;
    if parser.rest.is_empty() {
        Ok(value)
    } else {
        Err(parser.error())
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    lookup: &'a dyn Fn(&str) -> Option<i128>,
}

/// Binary operators by precedence, weakest first, as in Rust.
const LEVELS: [&[&str]; 3] = [&["<<", ">>"], &["+", "-"], &["*", "/", "%"]];

impl Parser<'_> {
    fn error(&self) -> String {
        format!(
            "index `{}`: `{}` is not an integer expression of loop variables and Params",
            self.text, self.rest
        )
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn binary(&mut self, level: usize) -> Result<i128, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.primary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(op) = operators.iter().find(|op| self.eat(op)) {
            let right = self.binary(level + 1)?;
            let result = match *op {
                "+" => left.checked_add(right),
                "-" => left.checked_sub(right),
                "*" => left.checked_mul(right),
                "/" => left.checked_div(right),
                "%" => left.checked_rem(right),
                "<<" => u32::try_from(right).ok().and_then(|n| left.checked_shl(n)),
                _ => u32::try_from(right).ok().and_then(|n| left.checked_shr(n)),
            };
            left = result.ok_or_else(|| self.error())?;
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<i128, String> {
        if self.eat("(") {
            let value = self.binary(0)?;
            return if self.eat(")") {
                Ok(value)
            } else {
                Err(self.error())
            };
        }
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = if word.starts_with(|c: char| c.is_ascii_digit()) {
            word.trim_end_matches("usize").replace('_', "").parse().ok()
        } else {
            (self.lookup)(word)
        };
        let value = value.ok_or_else(|| self.error())?;
        self.rest = rest;
        self.eat("$val()");
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<i128> {
        match name {
            "i" => Some(3),
            "w" => Some(5),
            _ => None,
        }
    }

    #[test]
    fn every_index_is_replaced() {
        let resolved = resolve("row[i]$pe[(i-1)*w$val()+2]$x", &lookup);
        assert_eq!(resolved.unwrap(), "row$3$pe$12$x");
        assert_eq!(resolve("a[1<<i]", &lookup).unwrap(), "a$8");
        assert_eq!(resolve("a[7/2%2]", &lookup).unwrap(), "a$1");
    }

    #[test]
    fn errors_quote_the_index() {
        assert!(resolve("a[i-4]", &lookup).unwrap_err().contains("i-4"));
        assert!(resolve("a[_n-1]", &lookup).unwrap_err().contains("_n-1"));
        assert!(resolve("a[i/0]", &lookup).unwrap_err().contains("i/0"));
    }
}
