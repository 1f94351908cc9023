{#- One spelling for comparison: lower case, letters and digits, single spaces. "Out_of  Service " -> "out of service" -#}
{% macro normalised(text) -%}
    trim(regexp_replace(lower({{ text }}), '[^a-z0-9]+', ' ', 'g'))
{%- endmacro %}
