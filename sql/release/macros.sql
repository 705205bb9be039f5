-- What the release queries share. `js` is a list of judgments, as the column `moderation` holds them; what was not
-- judged is null in it, and stays null here: null never means "not flagged".

-- any_category(js): whether any message was flagged, by category.
CREATE OR REPLACE TEMP MACRO any_category(js) AS {
  'harassment': list_bool_or(list_transform(js, lambda j: j.categories."harassment")),
  'harassment/threatening': list_bool_or(list_transform(js, lambda j: j.categories."harassment/threatening")),
  'hate': list_bool_or(list_transform(js, lambda j: j.categories."hate")),
  'hate/threatening': list_bool_or(list_transform(js, lambda j: j.categories."hate/threatening")),
  'self-harm': list_bool_or(list_transform(js, lambda j: j.categories."self-harm")),
  'self-harm/instructions': list_bool_or(list_transform(js, lambda j: j.categories."self-harm/instructions")),
  'self-harm/intent': list_bool_or(list_transform(js, lambda j: j.categories."self-harm/intent")),
  'sexual': list_bool_or(list_transform(js, lambda j: j.categories."sexual")),
  'sexual/minors': list_bool_or(list_transform(js, lambda j: j.categories."sexual/minors")),
  'violence': list_bool_or(list_transform(js, lambda j: j.categories."violence")),
  'violence/graphic': list_bool_or(list_transform(js, lambda j: j.categories."violence/graphic"))
};

-- max_category(js): the highest score of any message, by category.
CREATE OR REPLACE TEMP MACRO max_category(js) AS {
  'harassment': list_max(list_transform(js, lambda j: j.category_scores."harassment")),
  'harassment/threatening': list_max(list_transform(js, lambda j: j.category_scores."harassment/threatening")),
  'hate': list_max(list_transform(js, lambda j: j.category_scores."hate")),
  'hate/threatening': list_max(list_transform(js, lambda j: j.category_scores."hate/threatening")),
  'self-harm': list_max(list_transform(js, lambda j: j.category_scores."self-harm")),
  'self-harm/instructions': list_max(list_transform(js, lambda j: j.category_scores."self-harm/instructions")),
  'self-harm/intent': list_max(list_transform(js, lambda j: j.category_scores."self-harm/intent")),
  'sexual': list_max(list_transform(js, lambda j: j.category_scores."sexual")),
  'sexual/minors': list_max(list_transform(js, lambda j: j.category_scores."sexual/minors")),
  'violence': list_max(list_transform(js, lambda j: j.category_scores."violence")),
  'violence/graphic': list_max(list_transform(js, lambda j: j.category_scores."violence/graphic"))
};

-- flagged_categories(js): the names of the categories that any message was flagged in; null where none was judged.
CREATE OR REPLACE TEMP MACRO flagged_categories(js) AS CASE WHEN len(list_filter(js, lambda j: j.flagged IS NOT NULL)) > 0 THEN
  list_transform(list_filter([
    {'name': 'harassment', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."harassment"))},
    {'name': 'harassment/threatening', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."harassment/threatening"))},
    {'name': 'hate', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."hate"))},
    {'name': 'hate/threatening', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."hate/threatening"))},
    {'name': 'self-harm', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."self-harm"))},
    {'name': 'self-harm/instructions', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."self-harm/instructions"))},
    {'name': 'self-harm/intent', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."self-harm/intent"))},
    {'name': 'sexual', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."sexual"))},
    {'name': 'sexual/minors', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."sexual/minors"))},
    {'name': 'violence', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."violence"))},
    {'name': 'violence/graphic', 'hit': list_bool_or(list_transform(js, lambda j: j.categories."violence/graphic"))}
  ], lambda c: c.hit), lambda c: c.name) END;

-- flat_scores(js): max_category in columns of their own, for readers that cannot open nested ones.
CREATE OR REPLACE TEMP MACRO flat_scores(js) AS {
  'score_harassment': list_max(list_transform(js, lambda j: j.category_scores."harassment"))::FLOAT,
  'score_harassment_threatening': list_max(list_transform(js, lambda j: j.category_scores."harassment/threatening"))::FLOAT,
  'score_hate': list_max(list_transform(js, lambda j: j.category_scores."hate"))::FLOAT,
  'score_hate_threatening': list_max(list_transform(js, lambda j: j.category_scores."hate/threatening"))::FLOAT,
  'score_self_harm': list_max(list_transform(js, lambda j: j.category_scores."self-harm"))::FLOAT,
  'score_self_harm_instructions': list_max(list_transform(js, lambda j: j.category_scores."self-harm/instructions"))::FLOAT,
  'score_self_harm_intent': list_max(list_transform(js, lambda j: j.category_scores."self-harm/intent"))::FLOAT,
  'score_sexual': list_max(list_transform(js, lambda j: j.category_scores."sexual"))::FLOAT,
  'score_sexual_minors': list_max(list_transform(js, lambda j: j.category_scores."sexual/minors"))::FLOAT,
  'score_violence': list_max(list_transform(js, lambda j: j.category_scores."violence"))::FLOAT,
  'score_violence_graphic': list_max(list_transform(js, lambda j: j.category_scores."violence/graphic"))::FLOAT
};

-- spelled(c): WildChat's categories, those of two words under both of their names.
CREATE OR REPLACE TEMP MACRO spelled(c) AS {
  'harassment': c."harassment",
  'harassment/threatening': c."harassment/threatening",
  'harassment_threatening': c."harassment/threatening",
  'hate': c."hate",
  'hate/threatening': c."hate/threatening",
  'hate_threatening': c."hate/threatening",
  'self-harm': c."self-harm",
  'self-harm/instructions': c."self-harm/instructions",
  'self-harm/intent': c."self-harm/intent",
  'self_harm': c."self-harm",
  'self_harm_instructions': c."self-harm/instructions",
  'self_harm_intent': c."self-harm/intent",
  'sexual': c."sexual",
  'sexual/minors': c."sexual/minors",
  'sexual_minors': c."sexual/minors",
  'violence': c."violence",
  'violence/graphic': c."violence/graphic",
  'violence_graphic': c."violence/graphic"
};

-- only_dialogue(messages, moderation): [{place, message, judgment}] of the turns of user and assistant that have a text.
-- Other roles (tools, later system prompts) are left out, with their judgments.
CREATE OR REPLACE TEMP MACRO only_dialogue(messages, moderation) AS list_filter(
  list_transform(messages, lambda m, i: {'place': i, 'message': m, 'judgment': moderation[i]}),
  lambda t: t.message.role IN ('user', 'assistant') AND t.message.content IS NOT NULL
);

-- cut_to(moment, unit): a time cut to 'second', 'minute', 'hour', 'day' or 'month'; null for 'none'. Exact times are
-- what a server's log is matched by.
CREATE OR REPLACE TEMP MACRO cut_to(moment, unit) AS CASE WHEN unit <> 'none' THEN date_trunc(unit, moment) END;
