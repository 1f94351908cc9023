-- A state of charge is a percentage, and a curve has one power for each.
select ev_model_id, state_of_charge_percent, count(*) as points
from {{ ref('stg_ev_charging_curves') }}
group by ev_model_id, state_of_charge_percent
having count(*) > 1 or state_of_charge_percent not between 0 and 100
