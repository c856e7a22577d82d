# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Bash completion of orthoctl. Commands and options are read from its own help, ids are asked from
# the server that the command line or $ORTHOD_SERVER names.

# The commands that --help lists.
_orthoctl_commands() {
    "$1" --help 2>/dev/null | sed -n '/^  [a-z]/s/^  \([a-z]*\) .*/\1/p'
}

# The options that a command's help lists, one a line.
_orthoctl_options() {
    "$@" --help 2>/dev/null | sed -n 's/^  .*\(--[a-z][a-z-]*\).*/\1/p' | sed 's/ .*//'
}

# First column of a table.
_orthoctl_ids() {
    "$@" 2>/dev/null | awk 'NR > 1 && $1 ~ /^[0-9]+$/ {print $1}'
}

# Prints the words that may stand for an operand of the command $2.
_orthoctl_operands() {
    local program=$1 verb=$2 usage
    shift 2
    usage=$("$program" "$verb" --help 2>/dev/null | head -n 1)
    case $usage in
    *" JOB" | *" JOB...") _orthoctl_ids "$program" list -n 500 "$@" ;;
    *" EXPERIMENT") _orthoctl_ids "$program" experiments "$@" ;;
    esac
}

_orthoctl() {
    local cur prev words=() cword verb='' i server=()
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n := cur prev words cword
    else
        words=("${COMP_WORDS[@]}")
        cword=$COMP_CWORD
        cur=${words[cword]}
        prev=${words[cword - 1]}
    fi
    COMPREPLY=()
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        --server | -s | --token-file | --cacert)
            server+=("${words[i]}" "${words[i + 1]}")
            i=$((i + 1))
            ;;
        --server=* | --token-file=* | --cacert=*) server+=("${words[i]}") ;;
        -*) ;;
        *) [[ -n $verb ]] || verb=${words[i]} ;;
        esac
    done
    case $prev in
    --token-file | --cacert) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    --format | -f) [[ $verb != export ]] ||
        { mapfile -t COMPREPLY < <(compgen -W 'csv ndjson json' -- "$cur") && return; } ;;
    --state)
        mapfile -t COMPREPLY < <(compgen -W 'queued starting running pausing paused cancelling
            succeeded failed cancelled' -- "$cur") && return
        ;;
    --server | -s | --set | --key | --label | --limit | -n | --cursor | --experiment | --series | \
        --from-step | --to-step | --max-points | --name | --notes | --priority) return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_orthoctl_options "${words[0]}" ${verb:+"$verb"})" -- "$cur")
    elif [[ -z $verb ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_orthoctl_commands "${words[0]}")" -- "$cur")
    elif [[ $verb == submit ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -W "$(_orthoctl_operands "${words[0]}" "$verb" "${server[@]}")" -- "$cur")
    fi
}

complete -F _orthoctl orthoctl
