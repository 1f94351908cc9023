{#- A part of a whole to two decimals, null where there is no whole. Halves go up, said by `floor`: engines round a half each
    in their own way. -#}
{% macro ratio(part, whole) -%}
    cast(floor(100 * cast({{ part }} as double) / nullif(cast({{ whole }} as double), 0) + 0.5) / 100 as decimal(18, 2))
{%- endmacro %}
