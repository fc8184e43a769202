/* Just enough JSON: a value is a pointer to its first letter, in text that is known to be right. */
#ifndef JSON_H
#define JSON_H

/* The value of a name in an object, NULL if there is none. `object` may be NULL. */
const char *json_find(const char *object, const char *name);

/* Whether a value is this string. */
int json_is(const char *value, const char *text);

int json_is_string(const char *value);
int json_is_true(const char *value);

/* The whole numbers in a value, also those of lists in a list; how many, at most `most`. */
int json_numbers(const char *value, long long *numbers, int most);

/* A new string with the escapes of a string taken back; the caller frees it. */
char *json_text(const char *value);

#endif
