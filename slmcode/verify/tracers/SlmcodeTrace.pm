package Devel::SlmcodeTrace;
# Which statements of the main program a run executes, and in which order of pairs.
# Two lines to the file of $SLMCODE_TRACE: all lines with statements, all pairs of lines seen.
use strict;

my ( %arcs, $last );
my $main = $ENV{SLMCODE_TRACED} || '';

package DB;

sub DB {
    my ( undef, $file, $line ) = caller;
    return if $file ne $main;
    $arcs{ ( $last || 0 ) * 1000000 + $line } = 1;
    $last = $line;
}

sub sub { no strict 'refs'; goto &$DB::sub }

END {
    no strict 'refs';
    if ( $ENV{SLMCODE_TRACE} && open my $out, '>', $ENV{SLMCODE_TRACE} ) {
        my $lines = \@{"main::_<$main"};
        my @all = grep { defined $lines->[$_] && $lines->[$_] != 0 } 1 .. $#$lines;
        print $out "@all\n@{[ sort { $a <=> $b } keys %arcs ]}\n";
        close $out;
    }
}

1;
