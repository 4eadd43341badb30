//! Whatever the body and however it is cut: what was encoded comes out again. Whatever the bytes: the bounds hold.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::tests::{decode, encode};
use super::*;

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

/// Bytes that encoders can make something of.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..500),
        vec(select(&b"{}[]\":,abc01 \n"[..]), 0..20_000),
        (vec(any::<u8>(), 1..300), 1..1000usize).prop_map(|(piece, times)| piece.repeat(times)),
    ]
}

fn stack() -> impl Strategy<Value = Vec<Coding>> {
    subsequence(ALL.to_vec(), 1..=3).prop_shuffle()
}

fn names(stack: &[Coding]) -> String {
    stack.iter().map(Coding::to_string).collect::<Vec<_>>().join(", ")
}

/// The bytes in pieces that end at the places given.
fn cut<'b>(bytes: &'b [u8], places: &[Index]) -> Vec<&'b [u8]> {
    let mut ends: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let starts = [0].into_iter().chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, end)| &bytes[start..*end]).collect()
}

fn encoded(stack: &[Coding], body: &[u8]) -> Vec<u8> {
    stack.iter().fold(body.to_vec(), |body, coding| encode(*coding, &body))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_encoded_comes_out_again(body in body(), stack in stack(), places in vec(any::<Index>(), 0..20)) {
        let encoded = encoded(&stack, &body);
        let (plain, result) = decode(&names(&stack), cut(&encoded, &places), u64::MAX);
        prop_assert_eq!(result, Ok(()));
        prop_assert!(plain == body);
    }

    #[test]
    fn a_bound_cuts_the_same_wherever_the_chunks_do(
        body in body(), stack in stack(), places in vec(any::<Index>(), 0..20), max in 0..30_000u64
    ) {
        let encoded = encoded(&stack, &body);
        let whole = decode(&names(&stack), [&encoded[..]], max);
        prop_assert!(whole.0.len() as u64 <= max && body.starts_with(&whole.0));
        prop_assert!(decode(&names(&stack), cut(&encoded, &places), max) == whole);
    }

    #[test]
    fn what_is_spoilt_never_breaks_a_bound(
        body in body(), stack in stack(), places in vec(any::<Index>(), 0..5), max in 0..100_000u64,
        spoilt in vec((any::<Index>(), any::<u8>()), 1..5)
    ) {
        let mut encoded = encoded(&stack, &body);
        for (place, byte) in spoilt {
            let at = place.index(encoded.len());
            encoded[at] = byte;
        }
        let (plain, _) = decode(&names(&stack), cut(&encoded, &places), max);
        prop_assert!(plain.len() as u64 <= max);
    }

    #[test]
    fn arbitrary_bytes_never_break_a_bound(
        bytes in vec(any::<u8>(), 0..2000), stack in stack(), places in vec(any::<Index>(), 0..5)
    ) {
        let (plain, _) = decode(&names(&stack), cut(&bytes, &places), 10_000);
        prop_assert!(plain.len() <= 10_000);
    }

    #[test]
    fn a_spoilt_zstd_frame_of_a_real_encoder_never_breaks_a_bound(
        spoilt in vec((any::<Index>(), any::<u8>()), 1..4), size in 1..50_000usize
    ) {
        let mut frame = include_bytes!("fixtures/windows.zst").to_vec();
        for (place, byte) in spoilt {
            let at = place.index(frame.len());
            frame[at] = byte;
        }
        let (plain, _) = decode("zstd", frame.chunks(size), 400_000);
        prop_assert!(plain.len() <= 400_000);
    }
}
