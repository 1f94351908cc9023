with deliveries as (
    select
        supplier_id,
        count(*) as lines,
        cast(sum(days_in_transit) as bigint) as transit_days,
        cast(sum(days_late) as bigint) as days_late,
        cast(sum(case when is_late then 1 else 0 end) as bigint) as late_lines,
        max(received_on) as last_received_on
    from {{ ref('stg_deliveries') }}
    group by supplier_id
),

returns as (
    select
        supplier_id,
        count(*) as returns,
        cast(sum(refund) as decimal(24, 4)) as refunds
    from {{ ref('stg_returns') }}
    group by supplier_id
)

select
    suppliers.supplier_id,
    suppliers.supplier_name,
    suppliers.nation_name,
    suppliers.parts_offered,
    suppliers.has_complaints,
    coalesce(deliveries.lines, 0) as lines,
    {{ ratio('deliveries.transit_days', 'deliveries.lines') }} as average_days_in_transit,
    {{ ratio('100 * deliveries.late_lines', 'deliveries.lines') }} as late_percent,
    {{ ratio('deliveries.days_late', 'deliveries.late_lines') }} as average_days_late,
    deliveries.last_received_on,
    coalesce(returns.returns, 0) as returns,
    coalesce(returns.refunds, 0) as refunds,
    {{ ratio('100 * coalesce(returns.returns, 0)', 'deliveries.lines') }} as return_percent
from {{ ref('dim_supplier') }} as suppliers
left join deliveries
    on deliveries.supplier_id = suppliers.supplier_id
left join returns
    on returns.supplier_id = suppliers.supplier_id
