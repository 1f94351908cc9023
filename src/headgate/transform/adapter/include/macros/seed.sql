{% materialization seed, adapter='headgate' %}
  {%- set target_relation = this.incorporate(type='table') -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set query = adapter.seed_query(model) -%}
  {%- set response = adapter.replace_table(target_relation, query, model) -%}
  {% do headgate_written(query, response) %}
  {#- dbt's runner of seeds asks for the rows as a table of agate's; they never become one here -#}
  {% do store_result('agate_table', response='OK') %}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
