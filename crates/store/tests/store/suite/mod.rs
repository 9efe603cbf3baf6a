//! What every backend must do. A backend gives a [`Backend`] and calls `every_case!` with a macro that
//! makes one test of each case.

pub(crate) mod batches;
pub(crate) mod faults;
pub(crate) mod instances;
pub(crate) mod notes;
pub(crate) mod operators;
pub(crate) mod races;
pub(crate) mod rows;
pub(crate) mod samples;
pub(crate) mod sign_in;
pub(crate) mod toys;

use twinpath_store::{Options, Store, StoreError};

/// One empty database, that can be opened any number of times.
pub(crate) trait Backend {
    fn open(&self, options: Options) -> Result<Store, StoreError>;

    fn store(&self) -> Store {
        self.open(Options::default()).unwrap()
    }
}

/// Calls `$make! { module::case, ... }` with every case.
macro_rules! every_case {
    ($make:ident) => {
        $make! {
            rows::codes_round_trip,
            rows::terminals_and_accounts_round_trip,
            rows::grants_round_trip,
            rows::quotas_and_identifiers_round_trip,
            rows::apps_and_signing_keys_round_trip,
            rows::a_later_put_replaces_the_whole_row,
            sign_in::requests_round_trip,
            sign_in::sessions_round_trip,
            sign_in::sessions_come_only_when_asked_for,
            sign_in::terms_round_trip,
            sign_in::a_deleted_key_is_gone,
            sign_in::a_request_is_approved_once,
            sign_in::a_terminal_has_one_first_session,
            sign_in::purging_forgets_requests,
            sign_in::purging_forgets_sessions,
            races::a_code_has_one_winner,
            races::a_batch_has_one_winner_for_a_code,
            races::two_stores_on_one_database_add_up,
            batches::an_operation_sees_those_before_it_in_its_batch,
            batches::steps_of_one_operation_are_all_kept,
            batches::a_refusal_keeps_its_writes,
            batches::prefetched_rows_are_loaded_before_the_decision,
            batches::a_batch_has_a_limit,
            batches::reopening_keeps_everything,
            batches::dropping_the_last_handle_finishes_what_was_accepted,
            batches::closing_refuses_what_comes_after,
            faults::an_unread_row_cannot_be_written,
            faults::a_step_keeps_to_one_terminal_or_code,
            faults::the_steps_before_an_inconsistent_one_stay,
            faults::a_panic_harms_no_neighbour,
            faults::endless_operations_end,
            faults::a_full_queue_refuses_at_once,
            faults::reading_cannot_write,
            instances::instances_round_trip,
            instances::instances_are_paged_by_app,
            instances::instances_are_forgotten_when_their_time_is_over,
            notes::notes_round_trip,
            notes::notes_are_listed_by_kind_and_time,
            notes::notes_are_forgotten_when_their_time_is_over,
            operators::apps_are_paged,
            operators::the_audit_trail_is_paged,
            operators::accounts_are_found_by_id,
            operators::the_registry_version_grows_with_apps_and_keys,
            operators::purging_forgets_what_is_past_its_time,
            operators::purging_spares_what_was_extended,
            operators::purging_forgets_a_revoked_grant_early,
            operators::purging_spares_a_code_that_was_extended,
            operators::purging_forgets_old_lines_of_the_audit_trail,
            operators::figures_count,
        }
    };
}
pub(crate) use every_case;
