{{ config(severity='warn', warn_if='>50') }}
-- The billing system errs now and then; more than 50 sessions are no longer now and then.
select session_id, energy_kwh, price_per_kwh_usd, cost_usd
from {{ ref('stg_charging_sessions') }}
where not is_cost_consistent
