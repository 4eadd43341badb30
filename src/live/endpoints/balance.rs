//! Which of several endpoints a request goes to. Pure: what is known of each is asked for, chance is passed in.

/// What counts about an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Whether nothing is known against it.
    pub is_well: bool,
    /// Requests under way.
    pub load: usize,
}

/// Who may be chosen: those that are well, without the one to `avoid` where there is another. Where none is well, what
/// is known against them is not believed: all may be, as it would otherwise be certain that the request fails.
struct Eligible<'a, C> {
    count: usize,
    candidate: &'a C,
    avoid: Option<usize>,
    believes: bool,
}

impl<'a, C: Fn(usize) -> Candidate> Eligible<'a, C> {
    fn of(count: usize, candidate: &'a C, avoid: Option<usize>) -> Eligible<'a, C> {
        [(true, avoid), (true, None), (false, avoid)]
            .map(|(believes, avoid)| Eligible { count, candidate, avoid, believes })
            .into_iter()
            .find(|eligible| eligible.iter().next().is_some())
            .unwrap_or(Eligible { count, candidate, avoid: None, believes: false })
    }

    fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        let candidates = (0..self.count).filter(|index| Some(*index) != self.avoid);
        let candidates = candidates.map(|index| (index, (self.candidate)(index)));
        candidates.filter(|(_, it)| it.is_well || !self.believes).map(|(index, it)| (index, it.load))
    }
}

/// Of two that are drawn, the one with fewer requests under way: nearly as even as the least of all, and those who
/// choose at the same moment do not all choose the same. `draw` gives a number below its argument.
pub fn least_requests(
    count: usize,
    candidate: impl Fn(usize) -> Candidate,
    avoid: Option<usize>,
    mut draw: impl FnMut(usize) -> usize,
) -> Option<usize> {
    let eligible = Eligible::of(count, &candidate, avoid);
    let choices = eligible.iter().count();
    if choices < 2 {
        return eligible.iter().next().map(|(index, _)| index);
    }
    let first = draw(choices);
    // One of the others, as likely as any of them.
    let second = (first + 1 + draw(choices - 1)) % choices;
    let drawn = eligible.iter().enumerate().filter(|(nth, _)| *nth == first || *nth == second);
    // Of equals the one drawn first, or the first in the list would get more than its share.
    drawn.min_by_key(|(nth, (_, load))| (*load, *nth != first)).map(|(_, (index, _))| index)
}

/// One after the other, by the number of the request.
pub fn round_robin(
    count: usize,
    candidate: impl Fn(usize) -> Candidate,
    avoid: Option<usize>,
    number: usize,
) -> Option<usize> {
    let eligible = Eligible::of(count, &candidate, avoid);
    let choices = eligible.iter().count().max(1);
    eligible.iter().nth(number % choices).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let candidate = (any::<bool>(), 0..4_usize).prop_map(|(is_well, load)| Candidate { is_well, load });
        prop::collection::vec(candidate, 0..7)
    }

    proptest! {
        #[test]
        fn who_is_chosen_is_well_and_not_to_be_avoided_as_far_as_that_is_possible(
            all in candidates(), avoid in prop::option::of(0..7_usize), seed in any::<u64>(), number in any::<usize>(),
        ) {
            let mut random = fastrand::Rng::with_seed(seed);
            let candidate = |index: usize| all[index];
            let chosen = [
                least_requests(all.len(), candidate, avoid, |below| random.usize(..below)),
                round_robin(all.len(), candidate, avoid, number),
            ];
            let others_well = all.iter().enumerate().any(|(index, it)| it.is_well && Some(index) != avoid);
            for chosen in chosen {
                let Some(chosen) = chosen else {
                    prop_assert!(all.is_empty());
                    continue;
                };
                prop_assert!(all[chosen].is_well || all.iter().all(|it| !it.is_well));
                prop_assert!(Some(chosen) != avoid || !others_well);
            }
        }

        #[test]
        fn the_busiest_is_not_chosen_where_another_is_less_busy(loads in prop::collection::vec(0..9_usize, 2..7), seed in any::<u64>()) {
            let mut random = fastrand::Rng::with_seed(seed);
            let candidate = |index: usize| Candidate { is_well: true, load: loads[index] };
            let chosen = least_requests(loads.len(), candidate, None, |below| random.usize(..below)).unwrap();
            let most = *loads.iter().max().unwrap();
            let is_alone = loads.iter().filter(|load| **load == most).count() == 1;
            prop_assert!(!(is_alone && loads[chosen] == most));
        }
    }

    #[test]
    fn equals_are_chosen_equally_often() {
        let mut random = fastrand::Rng::with_seed(17);
        let mut times = [0; 4];
        for _ in 0..4000 {
            let candidate = |_| Candidate { is_well: true, load: 0 };
            times[least_requests(4, candidate, None, |below| random.usize(..below)).unwrap()] += 1;
        }
        assert!(times.iter().all(|times| (800..1200).contains(times)), "{times:?}");
    }

    #[test]
    fn turns_go_round() {
        let check = |well: &[bool], avoid: Option<usize>, expected: &[usize]| {
            let candidate = |index: usize| Candidate { is_well: well[index], load: 0 };
            let turns =
                (0..expected.len()).map(|number| round_robin(well.len(), candidate, avoid, number).unwrap());
            assert_eq!(turns.collect::<Vec<_>>(), expected, "{well:?} {avoid:?}");
        };
        check(&[true, true, true], None, &[0, 1, 2, 0]);
        check(&[true, false, true], None, &[0, 2, 0]);
        check(&[true, true, true], Some(1), &[0, 2, 0]);
        check(&[true, false], Some(0), &[0, 0]);
        check(&[false, false], None, &[0, 1, 0]);
        check(&[false, false], Some(0), &[1, 1]);
        check(&[true], Some(0), &[0]);
    }
}
