//! Names of routes, upstreams and rule sets as one worker has them. An exchange keeps some of them until its end;
//! counting the uses of a name that all workers share would have each write where the others read.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// Names that are known at a time; a configuration has rarely as many.
const KNOWN_MAX: usize = 64;

thread_local! {
    static KNOWN: RefCell<Vec<(Arc<str>, Rc<str>)>> = const { RefCell::new(Vec::new()) };
}

/// The worker's own copy of a name.
pub(super) fn own(name: &Arc<str>) -> Rc<str> {
    KNOWN.with_borrow_mut(|known| {
        if let Some((_, own)) = known.iter().find(|(shared, _)| Arc::ptr_eq(shared, name)) {
            return Rc::clone(own);
        }
        // Also those of a configuration that is no longer in force go in time.
        if known.len() == KNOWN_MAX {
            known.clear();
        }
        let own: Rc<str> = Rc::from(&**name);
        known.push((Arc::clone(name), Rc::clone(&own)));
        own
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_copied_once_until_too_many_are_known() {
        let name: Arc<str> = "orders".into();
        let copy = own(&name);
        assert_eq!(&*copy, "orders");
        assert!(Rc::ptr_eq(&copy, &own(&name)));
        for number in 0..=KNOWN_MAX {
            assert_eq!(*own(&number.to_string().into()), *number.to_string());
        }
        assert!(!Rc::ptr_eq(&copy, &own(&name)));
        assert_eq!(copy, own(&name));
    }
}
