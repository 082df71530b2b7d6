//! Room: how much each part of a row or a column gets.

/// A part along the direction of its box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What it takes when there is enough.
    pub basis: u16,
    /// What it needs to be of any use.
    pub least: u16,
    /// Its share of what is left over.
    pub grow: u16,
}

/// Divides `room` among parts with `gap` between them. Together they never take more than there is:
/// parts give way down to what they need, and then the last ones go.
pub fn divide(parts: &[Part], room: u16, gap: u16) -> Vec<u16> {
    let gaps = u64::from(gap) * parts.len().saturating_sub(1) as u64;
    let room = u64::from(room).saturating_sub(gaps);
    let mut sizes: Vec<u64> = parts.iter().map(|part| part.basis.into()).collect();
    let wanted: u64 = sizes.iter().sum();
    if wanted < room {
        let grow: Vec<u64> = parts.iter().map(|part| part.grow.into()).collect();
        hand_out(&mut sizes, &grow, room - wanted, |size, share| *size += share);
    } else if wanted > room {
        let spare: Vec<u64> =
            parts.iter().map(|part| part.basis.saturating_sub(part.least).into()).collect();
        let missing = (wanted - room).min(spare.iter().sum());
        hand_out(&mut sizes, &spare, missing, |size, share| *size -= share);
        drop_last(&mut sizes, room);
    }
    sizes.into_iter().map(|size| u16::try_from(size).unwrap_or(u16::MAX)).collect()
}

/// Gives `amount` to `sizes` in proportion to `weights`; what does not divide goes to the first.
fn hand_out(sizes: &mut [u64], weights: &[u64], amount: u64, give: impl Fn(&mut u64, u64)) {
    let all: u64 = weights.iter().sum();
    if all == 0 {
        return;
    }
    let shares: Vec<u64> = weights.iter().map(|weight| amount * weight / all).collect();
    let mut rest = amount - shares.iter().sum::<u64>();
    for ((size, share), weight) in sizes.iter_mut().zip(shares).zip(weights) {
        let more = u64::from(rest > 0 && *weight > share);
        rest -= more;
        give(size, share + more);
    }
    // A single weight may be smaller than its share and still be owed the rest.
    if rest > 0
        && let Some(first) = weights.iter().position(|weight| *weight > 0)
    {
        give(&mut sizes[first], rest);
    }
}

/// Takes from the end what there is no room for.
fn drop_last(sizes: &mut [u64], room: u64) {
    let mut left = room;
    for size in sizes {
        *size = (*size).min(left);
        left -= *size;
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn part(basis: u16, least: u16, grow: u16) -> Part {
        Part { basis, least, grow }
    }

    #[test]
    fn what_is_left_over_goes_to_those_that_grow() {
        assert_eq!(divide(&[part(2, 1, 0), part(0, 0, 1), part(0, 0, 2)], 11, 0), [2, 3, 6]);
        assert_eq!(divide(&[part(2, 1, 0), part(3, 1, 1)], 10, 1), [2, 7]);
        assert_eq!(divide(&[part(2, 1, 0), part(3, 1, 0)], 10, 1), [2, 3]);
        assert_eq!(divide(&[part(0, 0, 1), part(0, 0, 1), part(0, 0, 1)], 10, 0), [4, 3, 3]);
    }

    #[test]
    fn parts_give_way_down_to_what_they_need() {
        assert_eq!(divide(&[part(1, 1, 0), part(100, 1, 0), part(1, 1, 0)], 12, 0), [1, 10, 1]);
        assert_eq!(divide(&[part(5, 5, 0), part(5, 5, 0)], 7, 0), [5, 2]);
        assert_eq!(divide(&[part(5, 1, 0)], 0, 3), [0]);
        assert_eq!(divide(&[], 10, 1), Vec::<u16>::new());
    }

    #[test]
    fn there_is_never_more_given_than_there_is() {
        let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(3);
        let mut random = StdRng::seed_from_u64(seed);
        for round in 0..5000 {
            let parts: Vec<Part> = (0..random.random_range(0..6))
                .map(|_| {
                    let basis = random.random_range(0..30);
                    let least = random.random_range(0..=basis + 2);
                    part(basis, least, random.random_range(0..3))
                })
                .collect();
            let (room, gap) = (random.random_range(0..80), random.random_range(0..3));
            let sizes = divide(&parts, room, gap);
            let taken: u16 = sizes.iter().sum();
            let gaps = gap * u16::try_from(parts.len().saturating_sub(1)).expect("few");
            assert!(taken <= room.saturating_sub(gaps), "seed {seed} round {round}: {parts:?}");
        }
    }
}
