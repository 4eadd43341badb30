use proptest::prelude::*;

use super::*;

#[test]
fn what_a_new_body_would_take_off_is_told_from_what_answers_mostly_have() {
    let mut present = Marks::default();
    for name in ["server", "date", "content-type", "content-length", "x-envoy-upstream-service-time", "vary"]
    {
        present.insert(name.as_bytes());
    }
    for name in ["content-md5", "digest", "content-digest", "repr-digest", "trailer", "content-range", "age"]
    {
        assert!(!present.may_be_of(name.as_bytes()), "{name}");
    }
}

proptest! {
    #[test]
    fn no_name_that_was_remembered_is_missed(names in prop::collection::vec("[a-z-]{0,40}", 0..20)) {
        let mut marks = Marks::default();
        names.iter().for_each(|name| marks.insert(name.as_bytes()));
        for name in &names {
            prop_assert!(marks.may_be_of(name.as_bytes()), "{}", name);
        }
    }
}
