with offers as (
    select
        supplier_id,
        count(*) as parts_offered,
        cast(sum(stock_value) as decimal(24, 2)) as stock_value
    from {{ ref('stg_part_suppliers') }}
    group by supplier_id
),

suppliers as (
    select
        suppliers.supplier_id,
        suppliers.supplier_name,
        suppliers.nation_name,
        suppliers.region_name,
        contacts.phone,
        contacts.is_phone_plausible,
        suppliers.has_complaints,
        coalesce(offers.parts_offered, 0) as parts_offered,
        coalesce(offers.stock_value, 0) as stock_value,
        false as is_unknown
    from {{ ref('stg_suppliers') }} as suppliers
    left join offers
        on offers.supplier_id = suppliers.supplier_id
    left join {{ ref('stg_contacts') }} as contacts
        on contacts.kind = 'supplier' and contacts.party_id = suppliers.supplier_id
)

select * from suppliers
union all
select -1, 'Unknown supplier', null, null, null, null, null, 0, 0, true
