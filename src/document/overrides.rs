//! Merging kubeadm's own documents over what kubeboot renders.

use serde_json::Value;

/// Lays `over` over `base`: maps are merged field by field, lists of `{name, value}` arguments (`extraArgs`,
/// `kubeletExtraArgs`, `extraEnvs`) are appended, so that the last writer of an argument wins as it does for kubeadm;
/// every other list and every scalar replaces. A null in `over` says nothing and changes nothing, as for Go's decoder.
#[must_use]
pub fn merge(base: Value, over: &Value) -> Value {
    match (base, over) {
        (base, Value::Null) => base,
        (Value::Object(mut fields), Value::Object(others)) => {
            for (name, other) in others {
                let merged = match fields.get_mut(name) {
                    Some(field) => merge(field.take(), other),
                    None => other.clone(),
                };
                if !merged.is_null() {
                    fields.insert(name.clone(), merged);
                }
            }
            Value::Object(fields)
        }
        (Value::Array(mut items), Value::Array(others)) if is_arguments(others) && is_arguments(&items) => {
            items.extend(others.iter().cloned());
            Value::Array(items)
        }
        (_, over) => over.clone(),
    }
}

/// A list of v1beta4's `Arg`: maps with a name and a value and nothing else. An empty list is one too and adds nothing.
fn is_arguments(items: &[Value]) -> bool {
    items.iter().all(|item| item.as_object().is_some_and(|map| map.len() == 2 && map.contains_key("name") && map.contains_key("value")))
}
