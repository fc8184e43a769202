#include "json.h"

#include <stdlib.h>
#include <string.h>

static const char *after_space(const char *at)
{
    while (*at && strchr(" \t\r\n", *at))
        at++;
    return at;
}

static const char *after_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

static const char *after_value(const char *at)
{
    int depth = 0;
    for (;;) {
        if (*at == '"') {
            at = after_string(at);
        } else {
            if (*at && strchr("[{", *at))
                depth++;
            if (*at && strchr("]}", *at))
                depth--;
            if (*at)
                at++;
        }
        if (!*at || (depth == 0 && strchr(",]} \t\r\n", *at)))
            return at;
    }
}

const char *json_find(const char *object, const char *name)
{
    const char *at, *value;
    if (!object || *object != '{')
        return NULL;
    at = after_space(object + 1);
    while (*at == '"') {
        value = after_space(after_space(after_string(at)) + 1); /* behind the colon */
        if (json_is(at, name))
            return value;
        at = after_space(after_value(value));
        if (*at == ',')
            at = after_space(at + 1);
    }
    return NULL;
}

int json_is(const char *value, const char *text)
{
    size_t length = strlen(text);
    return json_is_string(value) && !strncmp(value + 1, text, length) && value[length + 1] == '"';
}

int json_is_string(const char *value)
{
    return value && *value == '"';
}

int json_is_true(const char *value)
{
    return value && *value == 't';
}

int json_numbers(const char *value, long long *numbers, int most)
{
    int found = 0;
    const char *end;
    char *next;
    if (!value || *value == '"')
        return 0;
    for (end = after_value(value); value < end && found < most;) {
        long long number = strtoll(value, &next, 10);
        if (next == value) {
            value++;
        } else {
            numbers[found++] = number;
            value = next;
        }
    }
    return found;
}

char *json_text(const char *value)
{
    static const char *const escapes = "nrtbf", *const meant = "\n\r\t\b\f";
    const char *end = after_string(value) - 1, *escape;
    char *text = malloc((size_t)(end - value) + 1), *to = text;
    if (!text)
        return NULL;
    for (value++; value < end; value++) {
        if (*value != '\\') {
            *to++ = *value;
        } else if (*++value == 'u') { /* no word of a message needs one */
            *to++ = '?';
            value += 4;
        } else {
            escape = strchr(escapes, *value);
            *to++ = escape ? meant[escape - escapes] : *value;
        }
    }
    *to = 0;
    return text;
}
