{#- The number at the start of a text with a unit: "84%" -> 84, "34 PSI" -> 34. -#}
{% macro number_in(text) -%}
    try_cast(regexp_extract({{ text }}, '^\s*(-?[0-9]+(\.[0-9]+)?)', 1) as decimal(12, 2))
{%- endmacro %}
