//! The printed steps and states. That the transitions are true is shown in `random.rs`.

use context::saga::document;

use crate::booking::Booking;

#[test]
fn the_steps_and_the_states_are_printed() {
    let printed = document::<Booking<2, false>>();
    let expected = "\
| step | participant | action | compensation |
|---|---|---|---|
| 1 | flights | hold a seat | release it |
| 2 | hotels | hold a room | release it |

```mermaid
stateDiagram-v2
    [*] --> pending_1: a request begins
    void --> pending_1: a later attempt begins
    pending_1 --> pending_2: flights has done it
    pending_1 --> [*]: flights declines, or was not called
    pending_1 --> compensating_1: flights, unknown outcome
    compensating_1 --> void: flights confirms the compensation
    pending_2 --> established: hotels has done it
    pending_2 --> compensating_2: hotels, declined, not called, or unknown outcome
    compensating_2 --> compensating_1: hotels confirms the compensation
```
";
    assert_eq!(printed, expected);
}

#[test]
fn a_saga_of_one_step_has_its_stored_names() {
    let printed = document::<Booking<1, true>>();
    assert!(printed.contains("    completing --> settling: flights declines\n"), "{printed}");
    assert!(printed.contains("    settling --> void: flights confirms the compensation\n"), "{printed}");
}

#[test]
fn a_saga_that_is_completed_says_what_leads_to_that() {
    let printed = document::<Booking<2, true>>();
    for line in [
        "pending_1 --> completing_1: flights, unknown outcome",
        "pending_2 --> completing_2: hotels, not called, or unknown outcome",
        "pending_2 --> compensating_2: hotels declines",
    ] {
        assert!(printed.contains(&format!("    {line}\n")), "{printed}");
    }
    assert!(!printed.contains("pending_1 --> compensating"), "{printed}");
}
