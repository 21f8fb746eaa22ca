# Stands in for Vivado under tclsh: notes every call of a command that Tcl does not have.
#
# tclsh mock.tcl STEP.tcl FOLDER RECORD [COMMAND ANSWER]...
# RECORD gets a line each: "line FILE LINE", or "call FILE LINE COMMAND ARGUMENT..."; a tab between them.
# Answers are tokens KIND:NAME, so that the rules see what an argument is. An ANSWER replaces the usual one.

set mock_record [open [lindex $argv 2] w]
array set mock_given [lrange $argv 3 end]
set mock_step [file normalize [lindex $argv 0]]
set mock_folder [file normalize [lindex $argv 1]]
set argv [list [lindex $argv 1]]
set argc 1

proc mock_note {args} {
    puts $::mock_record [join [lmap word $args {string map {\\ \\\\ \t \\t \n \\n} $word}] \t]
}

proc mock_place {} {
    # The innermost frame that lies in a file of the step.
    for {set level [info frame]} {$level > 0} {incr level -1} {
        set frame [info frame $level]
        if {[dict exists $frame file] && ![string match *mock.tcl [dict get $frame file]]} {
            return [list [file tail [dict get $frame file]] [dict get $frame line]]
        }
    }
    return {? 0}
}

# Called from every line that holds a command: the caller of this script has put the calls there.
proc mock_line {file line} {
    if {![info exists ::mock_seen($file:$line)]} {
        set ::mock_seen($file:$line) 1
        mock_note line $file $line
    }
}

# The last word that is no option and no value of one: what get_* is asked for.
proc mock_asked {arguments} {
    set asked {}
    for {set i 0} {$i < [llength $arguments]} {incr i} {
        set word [lindex $arguments $i]
        if {$word in {-of_objects -max_paths -nworst -delay_type}} {
            incr i
        } elseif {![string match -* $word]} {
            set asked $word
        }
    }
    return $asked
}

proc mock_answer {name arguments} {
    global mock_folder
    set asked [mock_asked $arguments]
    switch -glob -- $name {
        version { return 2022.2 }
        current_project { return project:project }
        current_fileset { return fileset:sources_1 }
        ipx::current_core { return core:core }
        ipx::get_memory_maps { return map:$asked }
        ipx::get_address_blocks { return block:$asked }
        ipx::add_register { return register:[lindex $arguments 0] }
        ipx::add_field { return field:[lindex $arguments 0] }
        get_timing_paths { return path:[lindex $arguments end] }
        get_property {
            switch -- [lindex $arguments 0] {
                PROGRESS { return 100% }
                STATUS { return {write_bitstream Complete!} }
                SLACK { return 0.125 }
                DIRECTORY { return $mock_folder }
            }
        }
        get_files {
            if {"-all" in $arguments} {
                return $mock_folder/$asked
            }
            return file:$asked
        }
        get_* {
            set found {}
            foreach word $asked {
                lappend found [string range $name 4 end-1]:[string trimleft $word /]
            }
            return $found
        }
    }
    return {}
}

proc unknown {name args} {
    global mock_given
    mock_note call {*}[mock_place] $name {*}$args
    set key $name
    if {$name eq "get_property"} {
        set key get_property/[lindex $args 0]
    }
    if {[info exists mock_given($key)]} {
        return $mock_given($key)
    }
    return [mock_answer $name $args]
}

# Vivado's open_project needs the file that its create_project wrote.
proc create_project {args} {
    mock_note call {*}[mock_place] create_project {*}$args
    set place [lindex $args end]
    file mkdir $place
    close [open $place/[file tail $place].xpr w]
}

set mock_failed [catch {source $mock_step} mock_message]
close $mock_record
if {$mock_failed} {
    puts stderr $mock_message
    exit 1
}
