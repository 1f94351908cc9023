with raw as (
    select
        *,
        lower(trim(l_shipmode)) as mode_spelling
    from {{ source('bronze', 'lineitem') }}
)

select
    raw.l_orderkey * 10 + raw.l_linenumber as line_id,
    raw.l_suppkey as supplier_id,
    raw.l_shipdate as shipped_on,
    raw.l_commitdate as promised_on,
    raw.l_receiptdate as received_on,
    modes.ship_mode,
    modes.transport,
    cast(raw.l_receiptdate - raw.l_shipdate as int) as days_in_transit,
    greatest(cast(raw.l_receiptdate - raw.l_commitdate as int), 0) as days_late,
    raw.l_receiptdate > raw.l_commitdate as is_late
from raw
left join {{ ref('ship_modes') }} as modes
    on modes.spelling = raw.mode_spelling
