//! Paths of routes: `{name}` stands for one segment, which is never empty.

/// The names of the parameters of a route that has these paths; they all have the
/// same.
pub fn names<'a>(paths: &[&'a str]) -> impl Iterator<Item = &'a str> + use<'a> {
    let first = paths.first().copied().unwrap_or_default();
    first.split('/').filter_map(name_of)
}

/// The values of the parameters in a decoded path, if it is one of these paths.
#[must_use]
pub fn values<'a>(paths: &[&'a str], path: &str) -> Option<Vec<(&'a str, String)>> {
    paths.iter().find_map(|pattern| {
        let mut values = Vec::new();
        let mut segments = path.split('/');
        for part in pattern.split('/') {
            let segment = segments.next()?;
            match name_of(part) {
                Some(_) if segment.is_empty() => return None,
                Some(name) => values.push((name, segment.to_owned())),
                None if part == segment => {}
                None => return None,
            }
        }
        segments.next().is_none().then_some(values)
    })
}

fn name_of(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_one_segment_and_never_empty() {
        let id = |path| values(&["/v1/job/{id}"], path).map(|values| values[0].1.clone());
        assert_eq!(id("/v1/job/a b").as_deref(), Some("a b"));
        for path in [
            "/v1/job/",
            "/v1/job",
            "/v1/job/a/",
            "/v1/job/a/b",
            "/v2/job/a",
            "v1/job/a",
        ] {
            assert_eq!(id(path), None, "{path}");
        }
    }
}
