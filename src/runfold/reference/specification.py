"""The columns and indexes that the specification of the tables names; runfold added all others."""

from __future__ import annotations

from typing import NamedTuple


class Named(NamedTuple):
    """The columns and indexes that the specification gives a table."""

    columns: frozenset[str]
    indexes: frozenset[str]


def _named(columns: str, indexes: str) -> Named:
    return Named(frozenset(columns.split()), frozenset(indexes.split()))


SPECIFIED: dict[str, Named] = {
    "workflows": _named(
        "id user_id session_id name description version active workflow_data settings static_data pin_data tags"
        " is_template template_category deployment_status deployed_at deployed_by undeployed_at deployment_version"
        " deployment_config latest_execution_status latest_execution_id latest_execution_time icon_url created_at"
        " updated_at",
        "idx_workflows_user_id idx_workflows_active idx_workflows_deployment_status idx_workflows_tags",
    ),
    "nodes": _named(
        "id node_id workflow_id node_type node_subtype type_version name description disabled position_x"
        " position_y parameters credentials attached_nodes error_handling max_retries retry_wait_time notes"
        " webhooks created_at updated_at",
        "idx_nodes_workflow_id idx_nodes_type idx_nodes_type_subtype_active",
    ),
    "node_connections": _named(
        "id workflow_id source_node_id target_node_id connection_type connection_index label conditions created_at",
        "",
    ),
    "workflow_executions": _named(
        "id execution_id workflow_id status mode triggered_by parent_execution_id start_time end_time run_data"
        " metadata error_message error_details created_at",
        "idx_executions_workflow_id idx_executions_status idx_executions_status_created idx_executions_execution_id",
    ),
    "node_executions": _named(
        "id execution_id node_id node_type status start_time end_time input_data output_data error_data"
        " retry_count max_retries created_at",
        "idx_node_executions_execution_id idx_node_executions_node_id idx_node_executions_status",
    ),
    "workflow_execution_logs": _named(
        "id execution_id log_category event_type level message data node_id node_name node_type step_number"
        " total_steps progress_percentage duration_seconds user_friendly_message display_priority is_milestone"
        " technical_details stack_trace performance_metrics created_at",
        "idx_workflow_execution_logs_execution_id idx_workflow_execution_logs_category"
        " idx_workflow_execution_logs_level idx_workflow_execution_logs_priority",
    ),
    "trigger_index": _named(
        "id workflow_id trigger_type trigger_subtype trigger_config index_key deployment_status is_active"
        " created_at updated_at",
        "idx_trigger_index_type idx_trigger_index_key idx_trigger_index_lookup",
    ),
    "workflow_deployment_history": _named(
        "id workflow_id deployment_action from_status to_status deployment_version deployment_config triggered_by"
        " started_at completed_at error_message deployment_logs",
        "idx_deployment_history_workflow_id idx_deployment_history_action idx_deployment_history_started_at",
    ),
    "human_interactions": _named(
        "id workflow_id execution_id node_id interaction_type channel_type status priority request_data"
        " response_data created_at updated_at responded_at timeout_at correlation_id tags",
        "idx_human_interactions_workflow idx_human_interactions_status idx_human_interactions_pending_timeout"
        " idx_human_interactions_correlation",
    ),
    "hil_responses": _named(
        "id workflow_id source_channel raw_payload headers status processed_at matched_interaction_id"
        " ai_relevance_score ai_reasoning received_at created_at",
        "idx_hil_responses_workflow idx_hil_responses_status idx_hil_responses_unprocessed idx_hil_responses_matched",
    ),
    "workflow_execution_pauses": _named(
        "id execution_id paused_at paused_node_id pause_reason resume_conditions resumed_at resume_trigger status"
        " created_at updated_at",
        "idx_workflow_execution_pauses_execution idx_workflow_execution_pauses_active"
        " idx_workflow_execution_pauses_node",
    ),
    "conversation_buffers": _named(
        "id session_id user_id message_index role content metadata tokens_count timestamp created_at",
        "idx_conversation_buffers_session_id idx_conversation_buffers_timestamp idx_conversation_buffers_user_id",
    ),
    "conversation_summaries": _named(
        "id session_id user_id summary key_points entities topics summary_type message_count token_count"
        " model_used confidence_score previous_summary_id created_at updated_at",
        "",
    ),
    "entities": _named(
        "id name type aliases attributes description importance_score first_seen last_seen mention_count user_id"
        " created_at updated_at",
        "idx_entities_name idx_entities_type idx_entities_importance",
    ),
    "entity_relationships": _named(
        "id source_entity_id target_entity_id relationship_type relationship_attributes confidence source"
        " created_at updated_at",
        "idx_entity_relationships_source idx_entity_relationships_target",
    ),
    "episodic_memory": _named(
        "id actor action object context outcome importance timestamp session_id user_id event_description created_at",
        "idx_episodic_memory_timestamp idx_episodic_memory_actor idx_episodic_memory_importance",
    ),
    "knowledge_facts": _named(
        "id subject predicate object confidence source domain fact_type metadata user_id created_at updated_at"
        " validated_at",
        "",
    ),
    "knowledge_rules": _named(
        "id rule_name description conditions actions priority active user_id created_at updated_at",
        "",
    ),
    "graph_nodes": _named(
        "id label type properties user_id created_at updated_at",
        "",
    ),
    "graph_relationships": _named(
        "id user_id source_node_id target_node_id relationship_type properties weight created_at updated_at",
        "",
    ),
    "document_store": _named(
        "id collection_name title description content search_content metadata category tags user_id created_at"
        " updated_at",
        "idx_document_store_collection idx_document_store_tags idx_document_store_search",
    ),
    "vector_embeddings": _named(
        "id collection_name text_content embedding metadata user_id created_at updated_at",
        "idx_vector_embeddings_cosine idx_vector_embeddings_euclidean idx_vector_embeddings_collection",
    ),
    "oauth_tokens": _named(
        "id user_id integration_id provider access_token refresh_token token_type expires_at credential_data"
        " is_active created_at updated_at",
        "idx_oauth_tokens_user_id idx_oauth_tokens_integration_id",
    ),
    "user_external_credentials": _named(
        "id user_id provider credential_type encrypted_access_token encrypted_refresh_token"
        " encrypted_additional_data token_expires_at scope token_type is_valid last_validated_at validation_error"
        " created_at updated_at",
        "idx_user_credentials_user_provider idx_user_credentials_expires_at idx_user_credentials_valid",
    ),
    "external_api_call_logs": _named(
        "id user_id workflow_execution_id node_id provider operation api_endpoint http_method request_data"
        " response_data request_headers response_headers success status_code error_type error_message"
        " response_time_ms retry_count rate_limit_remaining rate_limit_reset_at called_at",
        "idx_api_logs_user_provider idx_api_logs_execution idx_api_logs_provider_operation idx_api_logs_time",
    ),
    "ai_models": _named(
        "id name provider model_id version cost_per_input_token cost_per_output_token cost_per_cached_token"
        " max_context_tokens supports_vision supports_function_calling supports_streaming model_capabilities config"
        " is_active is_default created_at",
        "",
    ),
    "node_specifications": _named(
        "id node_type node_subtype specification_version specification_data is_active is_system_spec created_at"
        " updated_at",
        "idx_node_specifications_type_subtype idx_node_specifications_active",
    ),
    "mcp_tools": _named(
        "id tool_name tool_type provider version description tool_schema configuration_schema is_active"
        " is_system_tool created_at updated_at",
        "idx_mcp_tools_name idx_mcp_tools_type idx_mcp_tools_active",
    ),
}
"""The names by table; runfold added every table that is not here."""

DIFFERENT: dict[str, str] = {
    "idx_executions_execution_id": "the unique constraint of execution_id serves",
    "idx_conversation_buffers_session_id": "the unique key serves: it begins with the user and the session",
    "idx_conversation_buffers_user_id": "the same",
    "idx_vector_embeddings_cosine": "one index a collection, made when it has more than 20,000 rows",
    "idx_vector_embeddings_euclidean": "no query of the specification orders by that distance",
}
"""Indexes that the specification names and no table has, with the reason."""
