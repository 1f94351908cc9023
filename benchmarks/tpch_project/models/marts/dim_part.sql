with offers as (
    select
        part_id,
        supplier_id,
        supply_cost,
        row_number() over (partition by part_id order by supply_cost, supplier_id) as cost_rank
    from {{ ref('stg_part_suppliers') }}
),

colors as (
    select
        part_id,
        min(case when position = 1 then color end) as main_color,
        count(*) as colors
    from {{ ref('stg_part_colors') }}
    group by part_id
)

select
    parts.part_id,
    parts.part_name,
    parts.manufacturer,
    parts.brand,
    parts.product_line,
    parts.metal,
    parts.size,
    parts.retail_price,
    colors.main_color,
    colors.colors,
    offers.supplier_id as cheapest_supplier_id,
    offers.supply_cost as lowest_cost,
    cast(parts.retail_price - offers.supply_cost as decimal(15, 2)) as margin,
    false as is_unknown
from {{ ref('stg_parts') }} as parts
left join colors
    on colors.part_id = parts.part_id
left join offers
    on offers.part_id = parts.part_id and offers.cost_rank = 1

union all

select -1, 'Unknown part', null, null, null, null, null, null, null, null, null, null, null, true
